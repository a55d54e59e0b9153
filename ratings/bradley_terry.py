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
from ratings.kernels import newton_fit

MEAN: Final = 1000.0  # points: the mean rating of the models that share a scale
POINTS: Final = 400.0 / np.log(10.0)  # points in one logit: a lead of 400 means odds of 10 to 1
_FAST_STEPS: Final = 30  # of plain Newton, which needs 4 to 8 from anywhere near
_SURE_STEPS: Final = 1000  # of damped Newton, which always arrives


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
        return np.where(self.groups.apart, np.nan, expit(lead))

    @property
    def bread(self) -> NDArray[np.float64]:
        """Inverse of the curvature of the log-likelihood, for logits about their group's mean.

        Shape (n_models, n_models); 0 where two models share no scale.
        """
        expected = np.nan_to_num(self.expected)
        met = self.counts.votes + self.prior * (1.0 - np.eye(len(self.models)))
        weight = met * expected * expected.T
        inverse = np.zeros_like(weight)
        for group in range(self.groups.n_groups):
            members = np.flatnonzero(self.groups.of_model == group)
            own = weight[np.ix_(members, members)]
            level = own.sum() / len(members) ** 2  # pins the free level of all logits
            pinned = np.linalg.inv(np.diag(own.sum(axis=1)) - own + level)
            inverse[np.ix_(members, members)] = pinned - pinned.mean()
        return inverse

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
    points = fitted.points
    ratings = np.full(len(counts.models), np.nan)
    for group in range(groups.n_groups):
        members = np.flatnonzero(groups.of_model == group)
        table = np.ix_(members, members)
        first = None if start is None else np.nan_to_num((start[members] - MEAN) / POINTS)
        logits = fit_logits(points[table], first)
        ratings[members] = MEAN + POINTS * logits
    anchored = None
    if anchor is not None:
        anchored = _rated_model(anchor[0], counts.models, groups)
        shift = anchor[1] - ratings[anchored]
        ratings[groups.of_model == groups.of_model[anchored]] += shift
    return BradleyTerry(counts.models, ratings, groups, counts, prior, anchored)


def fit_logits(
    points: NDArray[np.float64], start: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the maximum likelihood logits of models that share a scale, with mean 0.

    Parameters
    ----------
    points : ndarray of shape (n_models, n_models)
        Wins plus half of the ties of the row's model over the column's.
    start : ndarray of shape (n_models,) or None
        Logits to start from; else the log-odds of each model's points against all others.

    Raises
    ------
    RuntimeError
        If no maximum is found: then there is no number to return.
    """
    logits = newton_fit(points, start, damped=False, most_steps=_FAST_STEPS)
    if np.isnan(logits).any():
        logits = newton_fit(points, np.zeros(len(points)), damped=True, most_steps=_SURE_STEPS)
    if np.isnan(logits).any():
        raise RuntimeError("the likelihood of these votes has no maximum that can be found")
    return logits


def _with_prior(counts: PairCounts, prior: float) -> PairCounts:
    seats = counts.seats.copy()
    pairs = np.triu_indices(len(counts.models), 1)
    seats[*pairs, 2] += prior  # a tie
    return PairCounts(counts.models, seats)


def _rated_model(name: str, models: tuple[str, ...], groups: Groups) -> int:
    if name not in models or groups.of_model[models.index(name)] == ALONE:
        raise ValueError(f"{name!r} cannot anchor the ratings: it is not among the rated models")
    return models.index(name)
