"""What a bootstrap repeats: draws from tables, and fits close to a known one, compiled.

This module does not know what is drawn.
"""

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from ratings.compiled.machine import compiled
from ratings.plain import rounds as plain
from ratings.plain.rounds import AWAY, HALF, LAST_CHORD, LOW, RUNAWAY, Tables


def chord_fits(
    met: NDArray[np.int32] | NDArray[np.float64],
    points: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    *,
    most_steps: int,
) -> NDArray[np.float64]:
    """Fit many tables close to one whose maximum and curvature are known."""
    if points.size == 0:
        return points.copy()
    fitted: NDArray[np.float64] = _fit(met, points, pairs, logits, bread, most_steps)
    return fitted


@compiled
def _fit(  # noqa: PLR0917
    met: NDArray[np.int32] | NDArray[np.float64],
    points: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    most_steps: int,
) -> NDArray[np.float64]:
    rest, step = np.empty(points.shape), np.empty(points.shape)
    here = np.repeat(logits, points.shape[1]).reshape(points.shape)
    fitted = np.full(points.shape, np.nan)
    ended, before = np.zeros(points.shape[1], dtype=np.bool_), np.zeros(points.shape[1])
    for _ in range(most_steps):
        rest[:] = points
        _spend(rest, np.exp(here), met, pairs)
        _weigh(step, bread, rest)
        _end(fitted, here, step, before, ended)
        if ended.all():
            break
    return fitted


@compiled
def _end(
    fitted: NDArray[np.float64],
    here: NDArray[np.float64],
    step: NDArray[np.float64],
    before: NDArray[np.float64],
    ended: NDArray[np.bool_],
) -> None:
    """Take a step in the rounds that go on, and end those that arrive or run away."""
    for number in np.flatnonzero(~ended):
        longest = np.abs(step[:, number]).max()
        if not longest <= RUNAWAY:
            ended[number] = True
            continue
        here[:, number] += step[:, number]
        if longest < LAST_CHORD or longest**2 < AWAY * (before[number] - longest):
            ended[number] = True
            fitted[:, number] = here[:, number]
        before[number] = longest


@compiled
def _spend(
    rest: NDArray[np.float64],
    odds: NDArray[np.float64],
    met: NDArray[np.int32] | NDArray[np.float64],
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


@compiled
def _weigh(
    step: NDArray[np.float64], bread: NDArray[np.float64], rest: NDArray[np.float64]
) -> None:
    """Fill ``step`` with ``bread @ rest``."""
    across = rest.T.copy()  # rows side by side in memory, so that several numbers go at once
    for i in range(len(bread)):
        weights = bread[i]
        for number in range(len(across)):
            other, total = across[number], 0.0
            for j in range(len(weights)):
                total += weights[j] * other[j]
            step[i, number] = total


alias_tables: Final = numba.njit(cache=True, nogil=True)(plain.alias_tables)


@compiled
def draw_pairs(
    raw: NDArray[np.int64],
    pairs: NDArray[np.int32],
    tables: Tables,
    met: NDArray[np.int32],
    points: NDArray[np.float64],
) -> None:
    """Draw the votes of pairs from tables, kind by kind."""
    table, bounds, aliases, lowest = tables
    rounds, words = met.shape[1], raw.shape[2]
    for pair in range(len(raw)):
        drawn, own, others = met[pair], points[pairs[pair, 0]], points[pairs[pair, 1]]
        for_win, for_tie, for_loss = raw[pair, 0], raw[pair, 1], raw[pair, 2]
        a, b, c = table[pair]
        wins, ties = aliases[bounds[a] : bounds[a + 1]], aliases[bounds[b] : bounds[b + 1]]
        losses = aliases[bounds[c] : bounds[c + 1]]
        least = lowest[a], lowest[b], lowest[c]
        for start in (0, words):
            shift = HALF if start else 0
            for word in range(min(words, rounds - start)):
                won = least[0] + _draw(for_win[word] >> shift, wins)
                tied = least[1] + _draw(for_tie[word] >> shift, ties)
                lost = least[2] + _draw(for_loss[word] >> shift, losses)
                drawn[start + word] = won + tied + lost
                own[start + word] += won + 0.5 * tied
                others[start + word] += lost + 0.5 * tied


@compiled
def _draw(bits: np.int64, table: NDArray[np.int64]) -> np.int64:
    """Return the value that the lower half of a word draws from a table."""
    at = (bits & LOW) * len(table)
    # unsigned, so that nobody asks whether it counts from the end
    entry = table[np.uint64(at >> HALF)]
    return (at if (at & LOW) < (entry & LOW) else entry) >> HALF


@compiled
def add_votes(  # noqa: PLR0917
    raw: NDArray[np.int64],
    missing: NDArray[np.int64],
    pairs: NDArray[np.int32],
    aliases: NDArray[np.int64],
    met: NDArray[np.int32],
    points: NDArray[np.float64],
) -> None:
    """Draw votes one by one and add them to the counts of pairs, in place."""
    vote = 0
    for number in range(len(missing)):
        for _ in range(missing[number]):
            at = ((raw[vote] >> HALF) & LOW) * len(aliases) >> HALF
            entry = aliases[np.uint64(at)]
            kind = np.uint32(at if (raw[vote] & LOW) < (entry & LOW) else entry >> HALF)
            pair = kind // np.uint32(3)
            tied_or_lost = 0.5 * (kind - np.uint32(3) * pair)
            met[pair, number] += 1
            points[np.uint32(pairs[pair, 0]), number] += 1.0 - tied_or_lost
            points[np.uint32(pairs[pair, 1]), number] += tied_or_lost
            vote += 1
