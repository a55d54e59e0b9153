"""Elo votes replayed one after the other, in Python and NumPy.

This module does not know what the ratings are for: `ratings.elo` and `ratings.orders` do.
"""

from math import exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.plain.codes import SCORES

_SIDE_BY_SIDE: Final = 64  # orders from which one step for all of them beats one order at a time


def elo_pass(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    k: float,
    scale: float,
) -> None:
    """Replay votes onto ratings, in place.

    Parameters
    ----------
    ratings : ndarray of shape (n_models,)
        Ratings in points before the first vote; after the call, after the last.
    pairs : ndarray of shape (n_votes, 2)
        Codes of the models on seat A and seat B.
    outcome : ndarray of shape (n_votes,)
        Outcome codes.
    k, scale : float
        In points, as in `ratings.elo.elo_ratings`.
    """
    # Python floats in a list are read and written twice as fast as elements of an array
    points = ratings.tolist()
    slope = log(10.0) / scale
    seats_a, seats_b = pairs[:, 0].tolist(), pairs[:, 1].tolist()
    for a, b, code in zip(seats_a, seats_b, outcome.tolist(), strict=True):
        lead = points[a] - points[b]
        # exp of the negative size of the lead cannot overflow
        small = exp(-abs(lead) * slope)
        expected = 1.0 / (1.0 + small) if lead >= 0 else small / (1.0 + small)
        gain = k * (SCORES[code] - expected)
        points[a] += gain
        points[b] -= gain
    ratings[:] = points


def elo_passes(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    orders: NDArray[np.int32],
    *,
    k: float,
    scale: float,
) -> None:
    """Replay the same votes in several orders, in place.

    Parameters
    ----------
    ratings : ndarray of shape (n_orders, n_models)
        Ratings in points before the first vote; after the call, after the last.
    pairs, outcome, k, scale
        As in `elo_pass`.
    orders : ndarray of shape (n_orders, n_replayed)
        Rows of the votes in the order in which to replay them; a row may come twice.
    """
    if len(orders) < _SIDE_BY_SIDE:
        for own, order in zip(ratings, orders, strict=True):
            elo_pass(own, pairs[order], outcome[order], k, scale)
        return
    slope = log(10.0) / scale
    half_gain = 0.5 * k
    points = ratings.reshape(-1)  # one flat table: a model's place is its order's offset + code
    offsets = np.arange(len(orders), dtype=np.int64) * ratings.shape[1]
    centred = 2.0 * np.array(SCORES) - 1.0
    for step in np.ascontiguousarray(orders.T):
        seat_a = pairs[step, 0] + offsets
        seat_b = pairs[step, 1] + offsets
        at_a, at_b = points[seat_a], points[seat_b]
        # 2 * expected - 1 is the tanh of half the lead
        gain = half_gain * (centred[outcome[step]] - np.tanh((0.5 * slope) * (at_a - at_b)))
        points[seat_a] = at_a + gain
        points[seat_b] = at_b - gain
