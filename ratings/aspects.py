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
.. [2] H. D. Patterson and R. Thompson, "Recovery of Inter-Block Information when Block Sizes are
   Unequal", Biometrika, 58(3), 1971.
"""

from dataclasses import dataclass
from math import exp, log
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, expit

from ratings.bradley_terry import MEAN, POINTS, BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.votes import Votes
from ratings.winrate import dispersion

_SETTLED: Final = 1e-4  # relative change of tau
_NOTHING: Final = 1e-3  # logits: a tau below this (0.2 points) is none
_MOST: Final = 5.0  # logits: no larger one is looked for (870 points)
_STEPS: Final = 100
_LAST: Final = 1e-9  # logits
_NEAR: Final = 1e-4  # logits: a middle so near is as good
_ROUNDING: Final = 1e-9

_Table = NDArray[np.float64]


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
        Standard deviation of each given the overall ratings and tau, about their mean, in points.
    votes : ndarray of shape (n_aspects, n_models)
        Votes behind each.
    tau : float
        How far the ratings of one model differ between aspects: a standard deviation, in points.
    p : float
        How often aspects that do not differ would look as different as these; `nan` where that
        cannot be told, as of one aspect alone.
    overall : BradleyTerry
        The ratings that all votes give.
    """

    aspects: tuple[str, ...]
    models: tuple[str, ...]
    ratings: NDArray[np.float64]
    error: NDArray[np.float64]
    votes: NDArray[np.float64]
    tau: float
    p: float
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
    # ties as halves scatter less than wins and losses: each vote says more
    worth = 1.0 / _scatter(overall, len(rated))
    points = [worth * counts.points[np.ix_(rated, rated)] for counts in split]
    centre = overall.logits[rated]
    every = worth * overall.counts.points[np.ix_(rated, rated)]
    rest = np.maximum(every - np.sum(points, axis=0), 0.0)
    spread = _estimated_spread(points, rest, centre) if tau is None else tau / POINTS
    ratings = np.full((len(split), len(votes.models)), np.nan)
    error = ratings.copy()
    for row, table in enumerate(points):
        logits, covariance = _shrunk(table, centre, spread)
        ratings[row, rated] = MEAN + POINTS * logits
        error[row, rated] = POINTS * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return AspectRatings(
        tuple(str(votes.aspect.names[a]) for a in named),
        votes.models,
        ratings,
        error,
        np.array([counts.votes.sum(axis=1) for counts in split]).reshape(ratings.shape),
        POINTS * spread,
        _luck(points, centre),
        overall,
    )


def _scatter(fit: BradleyTerry, rated: int) -> float:
    """Return the variance of scores over that of votes without ties; 1 where it cannot be told."""
    found = dispersion(fit.counts, fit.expected, max(rated - 1, 0))
    return min(found, 1.0) if found > 0 else 1.0


def _luck(points: list[_Table], centre: _Table) -> float:
    """Return the chance of aspects that look so different, by the score test of their equality."""
    if len(points) < 2 or len(centre) < 2:  # noqa: PLR2004  # one alone differs from nothing
        return float("nan")
    slopes = [_slopes(table, centre) for table in points]
    # less what they have in common: the centre may be that of further votes
    slopes.append(_slopes(np.sum(points, axis=0), centre))
    *own, common = (
        np.array([gradient @ inverse @ gradient, np.trace(inverse @ curvature)])
        for gradient, curvature in slopes
        for inverse in [np.linalg.pinv(curvature, rcond=_ROUNDING, hermitian=True)]
    )
    square, free = np.sum(own, axis=0) - common
    return float(chdtrc(free, square)) if round(free) > 0 else float("nan")


def _estimated_spread(points: list[_Table], rest: _Table, start: _Table) -> float:
    """Return tau in logits: where a round of expectation and maximisation changes nothing.

    Rounds alone come to it slowly, and slowest where aspects do not differ.
    """
    if len(points) < 2 or len(start) < 2:  # noqa: PLR2004  # one alone differs from nothing
        return 0.0

    def growth(logarithm: float) -> float:
        spread = exp(logarithm)
        # the level of an aspect is pinned to the overall one: that direction says nothing of tau
        free = len(points) * (len(start) - 1)
        return _square(points, rest, start, spread) / free / spread**2 - 1.0

    if growth(log(_NOTHING)) <= _ROUNDING:
        return 0.0
    if growth(log(_MOST)) >= 0.0:
        return _MOST
    return exp(brentq(growth, log(_NOTHING), log(_MOST), xtol=_SETTLED))


def _square(points: list[_Table], rest: _Table, start: _Table, spread: float) -> float:
    """Return the expected squared distance of all aspects from what they have in common.

    That middle is found from the same votes, so it lies nearer to them than the true one, of two
    aspects by half: how uncertain it is counts too [2]_.
    """
    middle, step = start, np.zeros_like(start)
    found = _about(points, rest, middle, spread)
    for _ in range(_STEPS):
        further = _about(points, rest, middle + step, spread)
        if np.linalg.norm(further.pull) > np.linalg.norm(found.pull) and np.ptp(step) >= _NEAR:
            step = step / 2.0  # too far
            continue
        middle, found = middle + step, further
        step = _careful(np.linalg.solve(found.curvature, found.pull))
        if float(np.ptp(step)) < _NEAR:
            unsure = np.linalg.inv(found.curvature)
            back = (held @ unsure @ held.T for held in found.held)
            return found.square + sum(float(np.trace(table)) for table in back)
    raise RuntimeError("what aspects have in common did not settle")


class _About(NamedTuple):
    """Where aspects lie about a middle, and where their votes would have it."""

    square: float  # expected squared distance, the middle taken as known
    pull: _Table  # gradient of the likelihood in the middle
    curvature: _Table
    held: list[_Table]  # how much of a move of the middle each aspect's own votes hold back


def _about(points: list[_Table], rest: _Table, middle: _Table, spread: float) -> _About:
    fits = [_shrunk(table, middle, spread) for table in points]
    precision, level = 1.0 / spread**2, np.full((len(middle),) * 2, 1.0 / len(middle))
    unit = np.eye(len(middle)) - level
    apart = np.array([logits - middle for logits, _ in fits])
    held = [unit - precision * covariance for _, covariance in fits]
    # votes without an aspect are about the middle itself
    pull, curvature = _slopes(rest, middle)
    pull += precision * apart.sum(axis=0)
    curvature += precision * np.sum(held, axis=0)
    # pins the level of all, and what no vote compares
    curvature += (np.trace(curvature) / len(middle) + _ROUNDING) * (level + _ROUNDING * unit)
    square = float((apart**2).sum()) + sum(float(np.trace(covariance)) for _, covariance in fits)
    return _About(square, pull, curvature, held)


def _shrunk(points: _Table, centre: _Table, spread: float) -> tuple[_Table, _Table]:
    """Return logits about a centre and their covariance, at the peak of the posterior.

    The level of all logits, of which votes say nothing, is that of the centre.
    """
    if spread == 0.0 or not len(centre):
        return centre, np.zeros((len(centre),) * 2)
    logits, precision, unit = centre, 1.0 / spread**2, np.eye(len(centre))
    for _ in range(_STEPS):
        gradient, curvature = _slopes(points, logits)
        curvature += precision * unit
        step = _careful(np.linalg.solve(curvature, gradient - precision * (logits - centre)))
        logits = np.asarray(logits + step)
        if float(np.ptp(step)) < _LAST:
            return logits, np.asarray(np.linalg.inv(curvature) - spread**2 / len(logits))
    raise RuntimeError("the ratings of an aspect did not settle")


def _slopes(points: _Table, logits: _Table) -> tuple[_Table, _Table]:
    """Return the gradient of the log-likelihood of votes, and its curvature less the sign."""
    expected = expit(logits[:, None] - logits)
    gradient = (points * expected.T - points.T * expected).sum(axis=1)
    weight = (points + points.T) * expected * expected.T
    return gradient, np.diag(weight.sum(axis=1)) - weight


def _careful(step: NDArray[np.floating[Any]]) -> _Table:
    """Return a Newton step that is not too long."""
    reach = float(np.ptp(step))
    return np.asarray(step * np.log1p(reach) / reach if reach > 1.0 else step, dtype=np.float64)
