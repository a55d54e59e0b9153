"""Bradley-Terry ratings: the strengths that best explain all votes at once.

Model i is expected to take ``1 / (1 + 10 ** ((r_j - r_i) / 400))`` of a vote against model j,
where a tie is half a win for each [1]_. Ratings maximise the likelihood of the counts by
Newton's method, so their cost does not grow with the votes and their order plays no part.

A rating is `nan` where no finite one exists (`ratings.groups`): never the place where an
optimiser happened to stop. This module does not know how far a rating can be trusted; that is
`ratings.intervals`.

References
----------
.. [1] R. A. Bradley and M. E. Terry, "Rank Analysis of Incomplete Block Designs: I. The Method of
   Paired Comparisons", Biometrika, 39(3/4), 1952.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from ratings.counts import PairCounts
from ratings.groups import ALONE, Groups, comparable_groups

MEAN: Final = 1000.0  # points: the mean rating of the models that share a scale
POINTS: Final = 400.0 / np.log(10.0)  # points in one logit: a lead of 400 means odds of 10 to 1
_TOLERANCE: Final = 1e-11  # logits: the last Newton step
_MOST_STEPS: Final = 200
_CAREFUL: Final = 0.5  # logits: from here a Newton step can overshoot, so it is checked
_LONGEST_STEP: Final = 5.0  # logits


@dataclass(frozen=True, eq=False)
class BradleyTerry:
    """Ratings and the settings that made them.

    Attributes
    ----------
    models : tuple of str
        Model names.
    ratings : ndarray of shape (n_models,)
        Points; `nan` for a model whose rating cannot be estimated.
    groups : Groups
        Which ratings share a scale: two models of different groups cannot be compared.
    counts : PairCounts
        The votes the ratings explain, without the prior.
    prior : float
        Made-up half-wins each way in every pair that could have met; 0 where there is no prior.
    anchor : int or None
        The model whose rating was given, which fixes the level of its group; None where each
        group's mean is 1000.
    """

    models: tuple[str, ...]
    ratings: NDArray[np.float64]
    groups: Groups
    counts: PairCounts
    prior: float
    anchor: int | None

    @property
    def logits(self) -> NDArray[np.float64]:
        """Ratings as natural logarithms of odds, 0 at 1000 points; shape (n_models,)."""
        return np.asarray((self.ratings - MEAN) / POINTS)

    @property
    def expected(self) -> NDArray[np.float64]:
        """Score the row's model is expected to take from the column's.

        Shape (n_models, n_models); `nan` where the two share no scale, and on the diagonal.
        """
        lead = self.logits[:, None] - self.logits
        apart = ~self.groups.together | np.eye(len(self.models), dtype=bool)
        return np.where(apart, np.nan, expit(lead))

    @property
    def log_likelihood(self) -> float:
        """Natural logarithm of the likelihood of all votes between models that share a scale.

        A tie counts as half a win and half a loss.
        """
        lead = self.logits[:, None] - self.logits
        usable = self.groups.together
        return float((self.counts.points[usable] * log_expit(lead[usable])).sum())


def bradley_terry(
    counts: PairCounts,
    *,
    anchor: tuple[str, float] | None = None,
    prior: float = 0.0,
    start: NDArray[np.float64] | None = None,
) -> BradleyTerry:
    """Rate models by maximum likelihood.

    Parameters
    ----------
    counts : PairCounts
        Ties and both-bad votes count as half a win for each model.
    anchor : tuple of str and float, optional
        A model and the rating it shall have, in points; else the mean of each group is 1000.
    prior : float, default 0
        An explicit prior: this many made-up votes for every pair of models, each a tie. With a
        prior all models share one scale and every rating is finite, also that of a model that
        won every vote; say so wherever the ratings are shown.
    start : ndarray of shape (n_models,), optional
        Ratings to start from, in points: those before the newest votes. Changes the time it
        takes, not the result.

    Returns
    -------
    BradleyTerry
        Ratings of the models that can be compared.

    Raises
    ------
    ValueError
        If the anchor is not a model that can be rated, or the prior is negative.

    Examples
    --------
    >>> from ratings.votes import Votes
    >>> votes = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]] * 11, [0] * 10 + [1])
    >>> bradley_terry(PairCounts.of(votes)).ratings.round(6).tolist()
    [1200.0, 800.0]
    """
    if prior < 0:
        raise ValueError(f"the prior is {prior} votes for each pair; it cannot be negative")
    fitted = _with_prior(counts, prior) if prior else counts
    groups = comparable_groups(fitted)
    points, met = fitted.points, fitted.votes
    ratings = np.full(len(counts.models), np.nan)
    for group in range(groups.n_groups):
        members = np.flatnonzero(groups.of_model == group)
        table = np.ix_(members, members)
        first = np.zeros(len(members)) if start is None else (start[members] - MEAN) / POINTS
        logits = newton(points[table], met[table], np.nan_to_num(first))
        ratings[members] = MEAN + POINTS * (logits - logits.mean())
    anchored = None
    if anchor is not None:
        anchored = _rated_model(anchor[0], counts.models, groups)
        shift = anchor[1] - ratings[anchored]
        ratings[groups.of_model == groups.of_model[anchored]] += shift
    return BradleyTerry(counts.models, ratings, groups, counts, prior, anchored)


def newton(
    points: NDArray[np.float64], met: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the maximum likelihood logits of models that share a scale, with mean 0.

    Parameters
    ----------
    points : ndarray of shape (n_models, n_models)
        Wins plus half of the ties of the row's model over the column's.
    met : ndarray of shape (n_models, n_models)
        Votes of each pair.
    start : ndarray of shape (n_models,)
        Logits to start from.

    Raises
    ------
    RuntimeError
        If the steps do not become small: then there is no number to return.
    """
    n_models = len(start)
    if n_models == 0:
        return start
    logits = start - start.mean()
    for _ in range(_MOST_STEPS):
        expected = expit(logits[:, None] - logits)
        # expected.T is 1 - expected without its rounding: a million to one needs the digits
        gradient = (points * expected.T - points.T * expected).sum(axis=1)
        step = np.linalg.solve(_curvature(met, expected), gradient)
        longest = float(np.abs(step).max())
        if longest > _CAREFUL:
            step = _uphill(points, logits, step * min(1.0, _LONGEST_STEP / longest))
        logits = logits + step
        if longest < _TOLERANCE * max(1.0, float(np.abs(logits).max())):
            centred: NDArray[np.float64] = logits - logits.mean()
            return centred
    raise RuntimeError(f"Newton's method did not settle in {_MOST_STEPS} steps")


def _curvature(met: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the negative Hessian, with the free level of all logits pinned down."""
    weight = met * expected * expected.T
    total = weight.sum(axis=1)
    curvature = -weight
    np.fill_diagonal(curvature, total)
    # adding the same amount everywhere only acts on the mean of the logits
    curvature += total.mean() / len(met)
    return np.asarray(curvature)


def _uphill(
    points: NDArray[np.float64], logits: NDArray[np.float64], step: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the step, halved until it raises the likelihood."""
    before = _log_likelihood(points, logits)
    while _log_likelihood(points, logits + step) < before and np.abs(step).max() > _TOLERANCE:
        step = step / 2.0
    return step


def _log_likelihood(points: NDArray[np.float64], logits: NDArray[np.float64]) -> float:
    return float((points * log_expit(logits[:, None] - logits)).sum())


def _with_prior(counts: PairCounts, prior: float) -> PairCounts:
    seats = counts.seats.copy()
    pairs = np.triu_indices(len(counts.models), 1)
    seats[*pairs, 2] += prior  # a tie
    return PairCounts(counts.models, seats)


def _rated_model(name: str, models: tuple[str, ...], groups: Groups) -> int:
    if name not in models or groups.of_model[models.index(name)] == ALONE:
        raise ValueError(f"{name!r} cannot anchor the ratings: it is not among the rated models")
    return models.index(name)
