"""Votes counted, and Bradley-Terry fitted to the counts, in NumPy.

This module does not know of groups: the models it is given share a scale.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ratings.plain.codes import SCORES

LAST_STEP: Final = 1e-7  # logits: the next would be below 1e-14, as each squares the one before


def count_cells(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int
) -> NDArray[np.float64]:
    """Count votes by model on seat A, model on seat B and outcome code.

    Returns
    -------
    ndarray of shape (n_models, n_models, 4)
        Whole numbers.
    """
    cells = pairs[:, 0] * np.int64(4 * n_models)
    cells += pairs[:, 1] * np.int64(4)
    cells += outcome
    counted = np.bincount(cells, minlength=4 * n_models**2)
    return counted.astype(np.float64).reshape(n_models, n_models, 4)


def points_of(seats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up wins and half of the ties by pair.

    Parameters
    ----------
    seats : ndarray of shape (n_models, n_models, 4)
        Votes by model on seat A, model on seat B and outcome code.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        Points of the row's model against the column's, on either seat.
    """
    scores = np.array(SCORES)
    by_seat = seats @ np.column_stack([scores, 1.0 - scores])
    return np.asarray(by_seat[:, :, 0] + by_seat[:, :, 1].T)


def newton_fit(
    points: NDArray[np.float64],
    start: NDArray[np.float64] | None,
    *,
    damped: bool,
    most_steps: int,
) -> NDArray[np.float64]:
    """Maximise the Bradley-Terry likelihood by Newton's method.

    Parameters
    ----------
    points : ndarray of shape (n_models, n_models)
        Wins plus half of the ties of the row's model over the column's, with a zero diagonal.
    start : ndarray of shape (n_models,) or None
        Logits to start from; else the log-odds of each model's points against all others, shrunk
        to be exact for two models. Each model must then have taken and lost some.
    damped : bool
        Whether to shorten each step to log(1 + d) / d of it, d being its spread: slower, but
        for this likelihood it always arrives where a maximum exists.
    most_steps : int
        Steps after which to give up.

    Returns
    -------
    ndarray of shape (n_models,)
        Logits with mean 0; `nan` where the steps did not become small.
    """
    if start is None:
        start = np.log(points.sum(axis=1) / points.sum(axis=0)) * (1.0 - 1.0 / len(points))
    logits = start - start.mean()
    met = points + points.T
    for _ in range(most_steps):
        expected = expit(logits[:, None] - logits)
        # expected.T is 1 - expected without its rounding: a million to one needs the digits
        gradient = (points * expected.T - points.T * expected).sum(axis=1)
        weight = met * expected * expected.T
        curvature = np.diag(weight.sum(axis=1)) - weight
        # adding the same amount everywhere only acts on the free level of all logits
        curvature += curvature.trace() / len(points) ** 2
        try:
            step = np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:  # so far out that the curvature is lost to rounding
            break
        spread = np.ptp(step)
        logits = logits + (np.log1p(spread) / spread * step if damped and spread else step)
        if spread < LAST_STEP:
            return np.asarray(logits - logits.mean())
    return np.full(len(points), np.nan)
