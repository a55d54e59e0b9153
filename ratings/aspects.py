"""Ratings by aspect, shrunk towards the overall ones.

With a ninth of the votes an aspect's own ratings are mostly luck. Here the rating of model m in
aspect a is taken to be ``theta_ma ~ N(theta_m, tau ** 2)`` around its overall rating, and how far
aspects really differ, tau, is estimated from all votes at once [1]_. Where an aspect has few
votes its ratings stay near the overall ones; where it has many they follow its own votes. So a
difference that is shown has been paid for with votes.

This module does not know what an aspect is: any split of the votes will do.

References
----------
.. [1] B. Efron and C. Morris, "Stein's Estimation Rule and Its Competitors: An Empirical Bayes
   Approach", Journal of the American Statistical Association, 68(341), 1973.
"""

from dataclasses import dataclass
from math import exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from ratings.bradley_terry import MEAN, POINTS, BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.votes import Votes

_SETTLED: Final = 1e-4  # relative change of tau
_NOTHING: Final = 1e-3  # logits: a tau below this (0.2 points) is none
_MOST: Final = 5.0  # logits: no larger one is looked for (870 points)
_STEPS: Final = 100
_LAST: Final = 1e-9  # logits


@dataclass(frozen=True, eq=False)
class AspectRatings:
    """Ratings by aspect.

    Attributes
    ----------
    aspects : tuple of str
        Aspects with at least one vote.
    models : tuple of str
        Model names.
    ratings : ndarray of shape (n_aspects, n_models)
        Points; `nan` for a model without an overall rating, and outside the largest group.
    error : ndarray of shape (n_aspects, n_models)
        Standard deviation of each given the overall rating and tau, in points.
    votes : ndarray of shape (n_aspects, n_models)
        Votes behind each.
    tau : float
        How far the ratings of one model differ between aspects: a standard deviation, in points.
    overall : BradleyTerry
        The ratings that all votes give.
    """

    aspects: tuple[str, ...]
    models: tuple[str, ...]
    ratings: NDArray[np.float64]
    error: NDArray[np.float64]
    votes: NDArray[np.float64]
    tau: float
    overall: BradleyTerry


def aspect_ratings(votes: Votes, *, tau: float | None = None) -> AspectRatings:
    """Rate models in each aspect.

    Parameters
    ----------
    votes : Votes
        With aspects; a vote without one counts for the overall ratings only.
    tau : float, optional
        How far aspects differ, in points; estimated where not given. A very large one gives each
        aspect its own ratings, unshrunk.

    Raises
    ------
    ValueError
        If the votes name no aspects, or tau is not positive.
    """
    if votes.aspect is None:
        raise ValueError("the votes name no aspects")
    if tau is not None and tau <= 0:
        raise ValueError(f"tau is {tau} points; it must be positive")
    overall = bradley_terry(PairCounts.of(votes))
    named = np.unique(votes.aspect.codes[votes.aspect.codes >= 0])
    split = [PairCounts.of(votes.take(np.flatnonzero(votes.aspect.codes == a))) for a in named]
    rated = np.flatnonzero(overall.groups.of_model == 0)
    points = [counts.points[np.ix_(rated, rated)] for counts in split]
    centre = overall.logits[rated]
    spread = _estimated_spread(points, centre) if tau is None else tau / POINTS
    ratings = np.full((len(split), len(votes.models)), np.nan)
    error = ratings.copy()
    for row, table in enumerate(points):
        logits, variance = _shrunk(table, centre, spread)
        ratings[row, rated] = MEAN + POINTS * logits
        error[row, rated] = POINTS * np.sqrt(variance)
    return AspectRatings(
        tuple(str(votes.aspect.names[a]) for a in named),
        votes.models,
        ratings,
        error,
        np.array([counts.votes.sum(axis=1) for counts in split]).reshape(ratings.shape),
        POINTS * spread,
        overall,
    )


def _estimated_spread(points: list[NDArray[np.float64]], centre: NDArray[np.float64]) -> float:
    """Return tau in logits: where a round of expectation and maximisation changes nothing.

    Rounds alone come to it slowly, and slowest where aspects do not differ.
    """
    if not points or len(centre) < 2:  # noqa: PLR2004  # one model alone differs from nobody
        return 0.0

    def growth(logarithm: float) -> float:
        spread = exp(logarithm)
        fits = [_shrunk(table, centre, spread) for table in points]
        # the level of an aspect is pinned to the overall one: that direction says nothing of tau
        free = len(points) * (len(centre) - 1)
        square = sum(
            float(((logits - centre) ** 2 + variance).sum()) - spread**2
            for logits, variance in fits
        )
        return square / free / spread**2 - 1.0

    if growth(log(_NOTHING)) <= 0.0:
        return 0.0
    if growth(log(_MOST)) >= 0.0:
        return _MOST
    return exp(brentq(growth, log(_NOTHING), log(_MOST), xtol=_SETTLED))


def _shrunk(
    points: NDArray[np.float64], centre: NDArray[np.float64], spread: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return logits about a centre and their variance, at the peak of the posterior."""
    if spread == 0.0 or not len(centre):
        return centre, np.zeros_like(centre)
    met, precision = points + points.T, 1.0 / spread**2
    logits = centre.copy()
    for _ in range(_STEPS):
        expected = expit(logits[:, None] - logits)
        gradient = (points * expected.T - points.T * expected).sum(axis=1)
        gradient -= precision * (logits - centre)
        weight = met * expected * expected.T
        curvature = np.diag(weight.sum(axis=1) + precision) - weight
        step = np.linalg.solve(curvature, gradient)
        reach = float(np.ptp(step))
        logits = logits + (step * np.log1p(reach) / reach if reach > 1.0 else step)
        if reach < _LAST:
            return logits, np.diag(np.linalg.inv(curvature))
    raise RuntimeError("the ratings of an aspect did not settle")
