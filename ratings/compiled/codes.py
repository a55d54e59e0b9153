"""Codes of votes looked up and checked, compiled.

This module does not know the names behind the codes: `ratings.votes` does.
"""

import numpy as np
from numpy.typing import NDArray

from ratings.compiled.machine import compiled


def encode(
    codes: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    lookups: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]],
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Look up the codes of votes."""
    pairs = np.empty((len(codes[0]), 2), dtype=np.int32)
    outcome = np.empty(len(codes[0]), dtype=np.int8)
    _encode(codes, lookups, pairs, outcome)
    return pairs, outcome


@compiled
def _encode(
    codes: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    lookups: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
) -> None:
    for vote in range(len(outcome)):
        pairs[vote, 0] = lookups[0][codes[0][vote]]
        pairs[vote, 1] = lookups[1][codes[1][vote]]
        outcome[vote] = lookups[2][codes[2][vote]]


@compiled
def are_sound(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int, n_outcomes: int
) -> bool:
    """Return whether each vote is between two different known models, with a known outcome."""
    wrong = np.int64(0)  # added up and unsigned, so that several votes go at once
    for vote in range(len(pairs)):
        a, b = np.uint32(pairs[vote, 0]), np.uint32(pairs[vote, 1])
        wrong += (a >= np.uint32(n_models)) | (b >= np.uint32(n_models)) | (a == b)
    for code in outcome:
        wrong += np.uint8(code) >= np.uint8(n_outcomes)
    return bool(wrong == 0)
