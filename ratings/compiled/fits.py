"""Votes counted, and Bradley-Terry fitted to the counts, compiled.

This module does not know of groups: the models it is given share a scale.
"""

from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.compiled.machine import compiled
from ratings.plain.fits import LAST_STEP

_LOG_ODDS: Final = np.empty(0)  # as a start: compiled functions take no None


def count_cells(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int
) -> NDArray[np.float64]:
    """Count votes by model on seat A, model on seat B and outcome code."""
    counted: NDArray[np.float64] = _count(pairs, outcome, n_models)
    return counted


@compiled
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


@compiled
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


@compiled
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


@compiled
def _log_odds(won: NDArray[np.float64], lost: NDArray[np.float64]) -> NDArray[np.float64]:
    logits = np.empty(len(won))
    for i in range(len(won)):
        logits[i] = log(won[i].sum() / lost[i].sum()) * (1.0 - 1.0 / len(won))
    return logits


@compiled
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


@compiled
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


@compiled
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
