"""Places on a leaderboard and how sure they are.

Two overlapping intervals do not make two models equal: what counts is the interval of their
difference, which is narrower because both ratings come from the same votes. A model's best place
is one below the models that are certainly above it, its worst place one above those certainly
below.

Three rules are offered. ``difference`` looks at each pair by itself and is the default;
``simultaneous`` is right for all pairs at once [1]_, so wider; ``overlap`` compares the intervals
themselves, as the public arena does. Over 3,000 simulated votes among 16 models their ranges
spanned 3.8, 5.8 and 4.9 places.

This module does not know votes: it reads ratings and their uncertainty.

References
----------
.. [1] M. Mogstad, J. P. Romano, A. M. Shaikh and D. Wilhelm, "Inference for Ranks with
   Applications to Mobility across Neighbourhoods and Academic Achievement across Countries",
   Review of Economic Studies, 91(1), 2024.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from ratings.intervals import Uncertainty

DRAWS: Final = 20_000  # of ratings within their uncertainty
_FEWEST_DRAWS: Final = 1_000  # which find a simultaneous quantile to 1 or 2 percent
_MANY: Final = 200  # models above which draws get fewer, as the pairs to compare get more
_DECIMALS: Final = 6  # of a point
_ROUNDING: Final = 1e-4  # of two ratings' errors: what rounding may leave of a difference's
_BLOCK: Final = 500  # draws compared at once

Method = Literal["difference", "simultaneous", "overlap"]


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
    ratings: NDArray[np.float64],
    uncertainty: Uncertainty,
    level: float = 0.95,
    *,
    method: Method = "difference",
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Return whether the row's model is certainly above the column's.

    Parameters
    ----------
    ratings : ndarray of shape (n_models,)
        In points.
    uncertainty : Uncertainty
        Of these ratings.
    level : float, default 0.95
        How certain.
    method : {"difference", "simultaneous", "overlap"}, default "difference"
        Whether the interval of the difference lies above 0; the same for all pairs at once; or
        whether the two intervals do not overlap.
    seed : int, default 0
        Of the draws that find the simultaneous quantile.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        False where two models share no scale.
    """
    if method == "overlap":
        lower, upper = uncertainty.interval(ratings, level)
        shared = ~np.isnan(uncertainty.difference_error)
        return np.asarray((lower[:, None] > upper) & shared, dtype=np.bool_)
    lead = ratings[:, None] - ratings
    quantile, error = uncertainty.quantile(level), uncertainty.difference_error
    if method == "simultaneous":
        quantile = max(quantile, simultaneous_quantile(uncertainty, level, seed=seed))
        error = np.maximum(error, _drawn_error(uncertainty.covariance))
    # two models with ties alone have no error and no lead but that of rounding
    needed = np.maximum(quantile * error, 10.0**-_DECIMALS)
    return np.asarray(lead > needed, dtype=np.bool_)


def p_better(ratings: NDArray[np.float64], uncertainty: Uncertainty) -> NDArray[np.float64]:
    """Return the chance that the row's model is truly above the column's.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        From the normal or t distribution of each difference; `nan` on the diagonal and where two
        models share no scale or their difference has no error.
    """
    error = np.where(uncertainty.difference_error > 0, uncertainty.difference_error, np.nan)
    return np.asarray(stdtr(uncertainty.df, (ratings[:, None] - ratings) / error))


def p_best(
    ratings: NDArray[np.float64], uncertainty: Uncertainty, *, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Return the chance that each model is truly the best of those that share its scale.

    Returns
    -------
    ndarray of shape (n_models,)
        Adding up to 1 in each group, those that share the first place sharing its chance; `nan`
        for a model without a rating, and in a group whose ratings have no error.
    """
    chance = np.full(len(ratings), np.nan)
    tolerance = 10.0**-_DECIMALS
    for members, root in uncertainty.roots:
        if not (uncertainty.difference_error[np.ix_(members, members)] > tolerance).any():
            continue
        drawn = ratings[members] + _noise(uncertainty, root, draws, seed)
        draw, best = np.nonzero(drawn >= drawn.max(axis=1, keepdims=True) - tolerance)
        share = 1.0 / np.bincount(draw)[draw]
        chance[members] = np.bincount(best, share, minlength=len(members)) / draws
    return chance


def simultaneous_quantile(uncertainty: Uncertainty, level: float = 0.95, *, seed: int = 0) -> float:
    """Return how many standard errors hold every difference at once, by drawing differences.

    A difference is measured by the error that the draws themselves have: clustered errors need
    not belong to any one covariance, and a pair that theirs makes too small would count alone.
    """
    draws = _draw_count(len(uncertainty.error))
    largest = np.zeros(draws)
    for members, root in uncertainty.roots:
        # a block of draws at a time stays in the cache, model by model in rows
        noise = np.ascontiguousarray(_noise(uncertainty, root, draws, seed).T)
        error = _drawn_error(uncertainty.covariance[np.ix_(members, members)])
        weight = np.divide(1.0, error, out=np.zeros_like(error), where=error > 0)
        for start in range(0, draws, _BLOCK):
            block = np.ascontiguousarray(noise[:, start : start + _BLOCK])
            own = largest[start : start + _BLOCK]
            for model in range(len(members) - 1):
                gap = block[model + 1 :] - block[model]
                gap *= weight[model, model + 1 :, None]
                np.maximum(own, np.maximum(gap.max(axis=0), -gap.min(axis=0)), out=own)
    return float(np.quantile(largest, level))


def _draw_count(n_models: int) -> int:
    """Return how many draws find a quantile over all pairs: fewer where these are very many."""
    return max(_FEWEST_DRAWS, min(DRAWS, DRAWS * _MANY**2 // max(n_models, 1) ** 2))


def _drawn_error(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of each difference of ratings that have this covariance."""
    variance = np.diag(covariance)
    both = variance[:, None] + variance
    difference = both - 2.0 * covariance
    noticeable = np.isnan(difference) | (difference > _ROUNDING**2 * both)
    return np.sqrt(np.where(noticeable, difference, 0.0))


def _noise(
    uncertainty: Uncertainty, root: NDArray[np.float64], draws: int, seed: int
) -> NDArray[np.float64]:
    """Return draws of the error of some ratings, of shape (n_draws, n_members), in points."""
    generator = np.random.default_rng(seed)
    normal = generator.standard_normal((draws, len(root))) @ root.T
    if np.isinf(uncertainty.df):
        return np.asarray(normal)
    heavy = np.sqrt(generator.chisquare(uncertainty.df, size=(draws, 1)) / uncertainty.df)
    return np.asarray(normal / heavy)


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
