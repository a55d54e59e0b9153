"""Places on a leaderboard and how sure they are.

Two overlapping intervals do not make two models equal: what counts is the interval of their
difference, which is narrower because both ratings come from the same votes. A model's best place
is one below the models that are certainly above it, its worst place one above those certainly
below.

This module does not know votes: it reads ratings and their uncertainty.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.intervals import Uncertainty

_DECIMALS: Final = 6  # of a point


def ranks(ratings: NDArray[np.float64], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return each model's place among those that share its scale, 1 for the best.

    Parameters
    ----------
    ratings : ndarray of shape (n_models,)
        In points; `nan` where not estimable.
    groups : ndarray of shape (n_models,)
        Models of different groups are ranked apart.

    Returns
    -------
    ndarray of shape (n_models,)
        Equal ratings share a place; `nan` for a model without a rating.

    Examples
    --------
    >>> ranks(np.array([900.0, 1100.0, np.nan]), np.array([0, 0, -1])).tolist()
    [2.0, 1.0, nan]
    """
    # rounding in the last step of an estimate makes no difference of rank
    rounded = ratings.round(_DECIMALS)
    above = rounded > rounded[:, None]
    places = 1.0 + (above & (groups[:, None] == groups)).sum(axis=1)
    return np.where(np.isnan(ratings), np.nan, places)


def told_apart(
    ratings: NDArray[np.float64], uncertainty: Uncertainty, level: float = 0.95
) -> NDArray[np.bool_]:
    """Return whether the row's model is certainly above the column's.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        Whether the interval of the difference of the two ratings lies above 0.
    """
    lead = ratings[:, None] - ratings
    certain: NDArray[np.bool_] = lead > uncertainty.quantile(level) * uncertainty.difference_error
    return certain


def rank_ranges(
    ratings: NDArray[np.float64],
    groups: NDArray[np.intp],
    certainly_above: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best and the worst place that each model may have.

    Parameters
    ----------
    ratings : ndarray of shape (n_models,)
        In points; `nan` where not estimable.
    groups : ndarray of shape (n_models,)
        Models of different groups are ranked apart.
    certainly_above : ndarray of shape (n_models, n_models)
        Whether the row's model is certainly above the column's: `told_apart`.

    Returns
    -------
    best, worst : ndarray of shape (n_models,)
        1 is the first place; `nan` for a model without a rating.
    """
    rated = ~np.isnan(ratings)
    together = (groups[:, None] == groups) & rated
    best = 1.0 + (certainly_above & together).sum(axis=0)
    worst = together.sum(axis=1) - (certainly_above & together).sum(axis=1).astype(np.float64)
    return np.where(rated, best, np.nan), np.where(rated, worst, np.nan)
