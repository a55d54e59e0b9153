"""Codes of votes looked up and checked, in NumPy.

This module does not know the names behind the codes: `ratings.votes` does.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SCORES: Final = (1.0, 0.0, 0.5, 0.5)  # seat A's score, by outcome code


def encode(
    codes: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    lookups: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]],
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Look up the codes of votes.

    Parameters
    ----------
    codes : three ndarrays of shape (n_votes,)
        Each column's own codes of the model on seat A, the model on seat B and the winner; -1
        where it says nothing.
    lookups : three ndarrays
        The code all columns share for each of a column's own; the last entry is for -1.

    Returns
    -------
    pairs : ndarray of shape (n_votes, 2)
        Codes of the models on seat A and seat B.
    outcome : ndarray of shape (n_votes,)
        Outcome codes.
    """
    pairs = np.empty((len(codes[0]), 2), dtype=np.int32)
    for seat in range(2):
        pairs[:, seat] = lookups[seat][codes[seat]]
    return pairs, lookups[2][codes[2]]


def are_sound(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int, n_outcomes: int
) -> bool:
    """Return whether each vote is between two different known models, with a known outcome."""
    if len(outcome) == 0:
        return True
    known = pairs.min() >= 0 and pairs.max() < n_models
    known = known and outcome.min() >= 0 and outcome.max() < n_outcomes
    return bool(known and (pairs[:, 0] != pairs[:, 1]).all())
