"""The hot loops compiled by numba: the functions of `ratings.plain`, ten and more times faster.

Only `ratings.kernels` imports this module, and only when there is enough work: importing numba
takes longer than most leaderboards. What each function does stands in `ratings.plain`.

Elo is replayed on odds: with ``q = 10 ** (rating / 400)`` a vote multiplies one model's odds by
``exp(u)`` and divides the other's, and as ``u`` is small the exponential is a short series.
"""

from collections.abc import Callable
from math import exp, log
from typing import Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from ratings import plain
from ratings.plain import LAST_CHORD, LAST_STEP, RUNAWAY

_SMALL: Final = 0.1  # the largest u for which the series holds all digits: K = 17 at scale 400
_MOST_ENDED: Final = 0.5  # of the rounds side by side, before the others go on alone
_FAR: Final = 300.0  # logits from the mean beyond which odds could overflow
_IN_ORDER: Final = np.empty(0, dtype=np.int32)  # compiled functions take no None
_LOG_ODDS: Final = np.empty(0)  # as a start

_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
    return cast("_Function", decorate(function))


def elo_pass(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    k: float,
    scale: float,
) -> None:
    """Replay votes onto ratings, in place."""
    _elo(ratings, pairs, outcome, _IN_ORDER, unit=k * log(10.0) / scale, k=k)


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
    if orders.shape[1]:  # an empty order would mean the order of the votes
        for own, order in zip(ratings, orders, strict=True):
            _elo(own, pairs, outcome, order, unit=k * log(10.0) / scale, k=k)


def _elo(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    order: NDArray[np.int32],
    *,
    unit: float,
    k: float,
) -> None:
    level = ratings.mean() if len(ratings) else 0.0
    slope = unit / k if k else 1.0
    logits = (ratings - level) * slope
    if abs(unit) <= _SMALL and np.abs(logits).max(initial=0.0) < _FAR:
        odds = np.exp(logits)
        _replay_odds(odds, pairs, outcome, order, unit)
        logits = np.log(odds)
    else:
        _replay_logits(logits, pairs, outcome, order, unit)
    ratings[:] = level + logits / slope


@_compiled
def _replay_odds(
    odds: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    order: NDArray[np.int32],
    unit: float,
) -> None:
    score = (unit, 0.0, 0.5 * unit, 0.5 * unit)
    in_order = len(order) == 0
    for step in range(len(outcome) if in_order else len(order)):
        vote = step if in_order else order[step]
        a, b = pairs[vote, 0], pairs[vote, 1]
        odds_a, odds_b = odds[a], odds[b]
        u = score[outcome[vote]] - unit * odds_a / (odds_a + odds_b)
        w = u * u
        even = 1.0 + w * (1 / 2 + w * (1 / 24 + w * (1 / 720 + w * (1 / 40320))))
        odd = u * (1.0 + w * (1 / 6 + w * (1 / 120 + w * (1 / 5040 + w * (1 / 362880)))))
        odds[a] = odds_a * (even + odd)
        odds[b] = odds_b * (even - odd)


@_compiled
def _replay_logits(
    logits: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    order: NDArray[np.int32],
    unit: float,
) -> None:
    score = (unit, 0.0, 0.5 * unit, 0.5 * unit)
    in_order = len(order) == 0
    for step in range(len(outcome) if in_order else len(order)):
        vote = step if in_order else order[step]
        a, b = pairs[vote, 0], pairs[vote, 1]
        gain = score[outcome[vote]] - unit / (1.0 + exp(logits[b] - logits[a]))
        logits[a] += gain
        logits[b] -= gain


def count_cells(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int
) -> NDArray[np.float64]:
    """Count votes by model on seat A, model on seat B and outcome code."""
    counted: NDArray[np.float64] = _count(pairs, outcome, n_models)
    return counted


@_compiled
def _count(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int
) -> NDArray[np.float64]:
    counted = np.zeros(4 * n_models * n_models)
    for vote in range(len(outcome)):
        cell = (np.int64(pairs[vote, 0]) * n_models + pairs[vote, 1]) * 4 + outcome[vote]
        counted[cell] += 1.0
    return counted.reshape(n_models, n_models, 4)


def points_of(seats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up wins and half of the ties by pair."""
    points: NDArray[np.float64] = _points(seats)
    return points


@_compiled
def _points(seats: NDArray[np.float64]) -> NDArray[np.float64]:
    n_models = len(seats)
    points = np.empty((n_models, n_models))
    for i in range(n_models):
        for j in range(n_models):
            here, there = seats[i, j], seats[j, i]
            points[i, j] = here[0] + there[1] + 0.5 * (here[2] + here[3] + there[2] + there[3])
    return points


def newton_fit(
    points: NDArray[np.float64],
    start: NDArray[np.float64] | None,
    *,
    damped: bool,
    most_steps: int,
) -> NDArray[np.float64]:
    """Maximise the Bradley-Terry likelihood by Newton's method."""
    return _newton(points, _LOG_ODDS if start is None else start, float(damped), most_steps)


@_compiled
def _newton(
    points: NDArray[np.float64], start: NDArray[np.float64], damping: float, most_steps: int
) -> NDArray[np.float64]:
    n_models = len(points)
    lost = points.T.copy()
    logits = start.copy() if len(start) else _log_odds(points, lost)
    logits -= logits.mean()
    curvature = np.empty((n_models, n_models))
    step = np.empty(n_models)
    for _ in range(most_steps):
        _slopes(points, lost, logits, curvature, step)
        _solve(curvature, step)
        spread = step.max() - step.min()
        if not np.isfinite(spread):
            break
        if damping * spread > 0.0:
            step *= np.log1p(spread) / spread
        logits += step
        if spread < LAST_STEP:
            return np.asarray(logits - logits.mean())
    return np.full(n_models, np.nan)


@_compiled
def _log_odds(won: NDArray[np.float64], lost: NDArray[np.float64]) -> NDArray[np.float64]:
    logits = np.empty(len(won))
    for i in range(len(won)):
        logits[i] = log(won[i].sum() / lost[i].sum()) * (1.0 - 1.0 / len(won))
    return logits


@_compiled
def _slopes(
    won: NDArray[np.float64],
    lost: NDArray[np.float64],
    logits: NDArray[np.float64],
    curvature: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> None:
    """Fill the lower half of the pinned curvature, and the gradient; ``lost`` is ``won.T``."""
    n_models = len(logits)
    odds = np.exp(logits)
    total = np.zeros(n_models)
    gradient[:] = 0.0
    for i in range(n_models):
        pulled, weighed = 0.0, 0.0
        for j in range(i):  # rows side by side in memory, so that several j go at once
            share = 1.0 / (odds[i] + odds[j])
            p, q = odds[i] * share, odds[j] * share
            pull = won[i, j] * q - lost[i, j] * p
            weight = (won[i, j] + lost[i, j]) * p * q
            gradient[j] -= pull
            total[j] += weight
            curvature[i, j] = -weight
            pulled += pull
            weighed += weight
        gradient[i] += pulled
        total[i] += weighed
    pin = total.sum() / n_models**2
    for i in range(n_models):
        for j in range(i):
            curvature[i, j] += pin
        curvature[i, i] = total[i] + pin


@_compiled
def _solve(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    """Solve a positive definite system in place by Cholesky, from the lower half."""
    inverse = _factor(matrix)
    size = len(vector)
    for i in range(size):
        for m in range(i):
            vector[i] -= matrix[i, m] * vector[m]
        vector[i] *= inverse[i]
    for i in range(size - 1, -1, -1):
        vector[i] *= inverse[i]
        for m in range(i):
            vector[m] -= matrix[i, m] * vector[i]


@_compiled
def _factor(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factor in place below the diagonal; return its inverse: products cost less than quotients."""
    inverse = np.empty(len(matrix))
    for i in range(len(matrix)):
        for j in range(i):
            rest = matrix[i, j]
            for m in range(j):
                rest -= matrix[i, m] * matrix[j, m]
            matrix[i, j] = rest * inverse[j]
        rest = matrix[i, i]
        for m in range(i):
            rest -= matrix[i, m] * matrix[i, m]
        inverse[i] = 1.0 / np.sqrt(rest)
    return inverse


def chord_fits(
    points: NDArray[np.float64],
    met: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    *,
    most_steps: int,
) -> NDArray[np.float64]:
    """Fit many tables close to one whose maximum and curvature are known."""
    fitted = np.full(points.shape, np.nan)
    rounds = np.arange(points.shape[1])
    ended = np.zeros(len(rounds), dtype=np.bool_)
    here = np.repeat(logits[:, None], len(rounds), axis=1)
    for _ in range(most_steps):
        rest = points.copy()
        _spend(rest, np.exp(here), met, pairs)
        step = bread @ rest
        longest = np.abs(step).max(axis=0, initial=0.0)
        ended |= ~(longest <= RUNAWAY)
        here += np.where(ended, 0.0, step)
        settled = ~ended & (longest < LAST_CHORD)
        fitted[:, rounds[settled]] = here[:, settled]
        ended |= settled
        if ended.all():
            break
        if ended.mean() > _MOST_ENDED:
            points, met, here = (table[:, ~ended] for table in (points, met, here))
            rounds, ended = rounds[~ended], ended[~ended]
    return fitted


@_compiled
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


@_compiled
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
