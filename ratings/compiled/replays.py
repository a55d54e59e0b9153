"""Elo votes replayed one after the other, compiled.

They are replayed on odds: with ``q = 10 ** (rating / 400)`` a vote multiplies one model's odds by
``exp(u)`` and divides the other's, and as ``u`` is small the exponential is a short series.

This module does not know what the ratings are for: `ratings.elo` and `ratings.orders` do.
"""

from math import exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.compiled.machine import compiled
from ratings.plain.codes import SCORES

_SMALL: Final = 0.1  # the largest u for which the series holds all digits: K = 17 at scale 400
_FAR: Final = 300.0  # logits from the mean beyond which odds could overflow
_SCORES: Final = np.array(SCORES)


def elo_pass(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    k: float,
    scale: float,
) -> None:
    """Replay votes onto ratings, in place."""
    unit = k * log(10.0) / scale
    level = ratings.mean() if len(ratings) else 0.0
    slope = unit / k if k else 1.0
    logits = (ratings - level) * slope
    if abs(unit) <= _SMALL and np.abs(logits).max(initial=0.0) < _FAR:
        odds = np.exp(logits)
        _replay_odds(odds, pairs, outcome, _SCORES * unit, unit)
        logits = np.log(odds)
    else:
        _replay_logits(logits, pairs, outcome, _SCORES * unit, unit)
    ratings[:] = level + logits / slope


def elo_passes(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    orders: NDArray[np.int32],
    *,
    k: float,
    scale: float,
) -> None:
    """Replay the same votes in several orders, in place."""
    if len(pairs) == 0:
        return
    both = np.ascontiguousarray(pairs).view(np.int64).reshape(-1)  # a vote's two models at once
    for own, order in zip(ratings, orders, strict=True):
        elo_pass(own, both[order].view(np.int32).reshape(-1, 2), outcome[order], k, scale)


@compiled
def _replay_odds(
    odds: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    scores: NDArray[np.float64],
    unit: float,
) -> None:
    for vote in range(len(outcome)):
        # unsigned, so that nobody asks whether they count from the end
        a, b = np.uint32(pairs[vote, 0]), np.uint32(pairs[vote, 1])
        odds_a, odds_b = odds[a], odds[b]
        u = scores[np.uint8(outcome[vote])] - unit * odds_a / (odds_a + odds_b)
        w = u * u
        even = 1.0 + w * (1 / 2 + w * (1 / 24 + w * (1 / 720 + w * (1 / 40320))))
        odd = u * (1.0 + w * (1 / 6 + w * (1 / 120 + w * (1 / 5040 + w * (1 / 362880)))))
        odds[a] = odds_a * (even + odd)
        odds[b] = odds_b * (even - odd)


@compiled
def _replay_logits(
    logits: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    scores: NDArray[np.float64],
    unit: float,
) -> None:
    for vote in range(len(outcome)):
        a, b = np.uint32(pairs[vote, 0]), np.uint32(pairs[vote, 1])
        expected = unit / (1.0 + exp(logits[b] - logits[a]))
        gain = scores[np.uint8(outcome[vote])] - expected
        logits[a] += gain
        logits[b] -= gain
