"""What a bootstrap repeats: draws from tables, and fits close to a known one, compiled.

This module does not know what is drawn.
"""

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from ratings.compiled.machine import compiled
from ratings.plain import rounds as plain
from ratings.plain.rounds import AWAY, LAST_CHORD, RUNAWAY

_MOST_ENDED: Final = 0.5  # of the rounds side by side, before the others go on alone


def chord_fits(
    met: NDArray[np.float64],
    won: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    *,
    most_steps: int,
) -> NDArray[np.float64]:
    """Fit many tables close to one whose maximum and curvature are known."""
    points = np.zeros((len(logits), met.shape[1]))
    _take(points, met, won, pairs)
    fitted = np.full(points.shape, np.nan)
    rounds = np.arange(points.shape[1])
    ended = np.zeros(len(rounds), dtype=np.bool_)
    before = np.zeros(len(rounds))
    here = np.repeat(logits[:, None], len(rounds), axis=1)
    for _ in range(most_steps):
        rest = points.copy()
        _spend(rest, np.exp(here), met, pairs)
        step = bread @ rest
        longest = np.abs(step).max(axis=0, initial=0.0)
        ended |= ~(longest <= RUNAWAY)
        here += np.where(ended, 0.0, step)
        near = (longest < LAST_CHORD) | (longest**2 < AWAY * (before - longest))
        settled = near & ~ended
        fitted[:, rounds[settled]] = here[:, settled]
        before = longest
        ended |= settled
        if ended.all():
            break
        if ended.mean() > _MOST_ENDED:
            points, met, here = (table[:, ~ended] for table in (points, met, here))
            rounds, before, ended = rounds[~ended], before[~ended], ended[~ended]
    return fitted


@compiled
def _take(
    points: NDArray[np.float64],
    met: NDArray[np.float64],
    won: NDArray[np.float64],
    pairs: NDArray[np.int32],
) -> None:
    """Add up the points of each model, many rounds side by side."""
    for pair in range(len(pairs)):
        own, others = points[pairs[pair, 0]], points[pairs[pair, 1]]
        drawn, taken = met[pair], won[pair]
        for number in range(len(drawn)):
            own[number] += taken[number]
            others[number] += drawn[number] - taken[number]


@compiled
def _spend(
    rest: NDArray[np.float64],
    odds: NDArray[np.float64],
    met: NDArray[np.float64],
    pairs: NDArray[np.int32],
) -> None:
    """Take the expected points away, many rounds side by side."""
    for pair in range(len(pairs)):
        i, j = pairs[pair, 0], pairs[pair, 1]
        drawn, first, second, own, others = met[pair], odds[i], odds[j], rest[i], rest[j]
        for number in range(len(drawn)):
            share = drawn[number] / (first[number] + second[number])
            own[number] -= first[number] * share
            others[number] -= second[number] * share


alias_tables: Final = numba.njit(cache=True, nogil=True)(plain.alias_tables)


@compiled
def alias_draws(
    uniform: NDArray[np.float64],
    table: NDArray[np.int64],
    bounds: NDArray[np.int64],
    aliases: NDArray[np.float64],
    lowest: NDArray[np.float64],
) -> None:
    """Replace uniform numbers by values drawn from tables."""
    for kind in range(len(uniform)):
        start, end = bounds[table[kind]], bounds[table[kind] + 1]
        row, own, low = uniform[kind], aliases[start:end], lowest[table[kind]]
        for number in range(len(row)):
            at = row[number] * (end - start)
            alias = own[np.int32(at)]
            place, other = np.floor(at), np.floor(alias)
            row[number] = low + (place if at - place < alias - other else other)


@compiled
def add_votes(
    met: NDArray[np.float64],
    won: NDArray[np.float64],
    kinds: NDArray[np.float64],
    missing: NDArray[np.int64],
) -> None:
    """Add votes one by one to the counts of pairs, in place."""
    n_pairs, vote = len(met), 0
    for place in range(len(missing)):
        for _ in range(missing[place]):
            kind = np.int64(kinds[vote])
            outcome = np.int64(kind >= n_pairs) + np.int64(kind >= 2 * n_pairs)
            pair = kind - outcome * n_pairs
            met[pair, place] += 1.0
            won[pair, place] += 1.0 - 0.5 * outcome
            vote += 1
