"""Bootstrap of Bradley-Terry ratings: the same number of votes drawn again and again.

Votes are redrawn as counts, not one by one: an exact multinomial draw over the kinds of votes
(pair of models and outcome), so a round costs the same at a thousand votes and at ten million.
Its standard deviations are those of `ratings.intervals.sandwich`, by another route and without
the normal approximation: intervals of these votes only, not of new questions or raters.

This module does not know who voted on what.

References
----------
.. [1] B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from ratings.bradley_terry import MEAN, POINTS, BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.kernels import chord_fits, expect
from ratings.redraws import Redraws
from ratings.votes import A_WINS, B_WINS

ROUNDS: Final = 1000
_BLOCK: Final = 64  # rounds side by side in a thread: their counts stay near its processor
_CHORDS: Final = 60  # steps from the known maximum before a round gets a fit of its own


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Ratings of redrawn votes.

    Attributes
    ----------
    ratings : ndarray of shape (n_rounds, n_models)
        Points; `nan` where a round's votes give a model no finite rating.
    seed : int
        The same seed gives the same rounds.
    """

    ratings: NDArray[np.float64]
    seed: int

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of each rating over the rounds that have one, in points."""
        known = ~np.isnan(self.ratings)
        count = known.sum(axis=0)
        mean = self.ratings.sum(axis=0, where=known) / np.maximum(count, 1)
        square = ((self.ratings - mean) ** 2).sum(axis=0, where=known)
        return np.sqrt(np.where(count > 1, square / np.maximum(count - 1, 1), np.nan))

    def interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the percentile interval of each rating, in points [1]_.

        `nan` for a model with more rounds without a rating than lie beyond one end of the
        interval: that end could be anywhere.
        """
        tail = (1.0 - level) / 2.0
        lost = np.isnan(self.ratings).mean(axis=0)
        unknown = lost > tail
        known = np.where(unknown, 0.0, self.ratings)
        quantile = np.nanquantile if np.isnan(known).any() else np.quantile  # much faster
        lower, upper = quantile(known, [tail, 1.0 - tail], axis=0)
        return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper)


def bootstrap(fit: BradleyTerry, *, rounds: int = ROUNDS, seed: int = 0) -> Bootstrap:
    """Redraw the votes behind ratings and rate them again.

    Parameters
    ----------
    fit : BradleyTerry
        Ratings with the counts that made them.
    rounds : int, default 1000
        How many times.
    seed : int, default 0
        The same seed gives the same rounds.

    Returns
    -------
    Bootstrap
        Ratings about the level of ``fit``, of shape (n_rounds, n_models).

    Examples
    --------
    >>> from ratings.votes import Votes
    >>> votes = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]] * 600, [0, 0, 1] * 200)
    >>> lower, upper = bootstrap(bradley_terry(PairCounts.of(votes))).interval()
    >>> (upper - lower).round(-1).tolist()
    [30.0, 30.0]
    """
    met = fit.groups.together & (fit.counts.votes + fit.prior > 0)
    pairs = np.argwhere(np.triu(met, 1)).astype(np.int32)
    expect(pairs.size * rounds)
    refit = _Refit.of(fit, pairs)
    blocks = [min(_BLOCK, rounds - start) for start in range(0, rounds, _BLOCK)]
    # a seed for each block: the rounds do not depend on which thread is first
    seeds = np.random.SeedSequence(seed).spawn(len(blocks))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        rated = pool.map(refit.rate, seeds, blocks)
        ratings = np.concatenate([np.empty((len(fit.models), 0)), *rated], axis=1).T
    if fit.anchor is not None:
        own = fit.groups.of_model == fit.groups.of_model[fit.anchor]
        ratings[:, own] += fit.ratings[fit.anchor] - ratings[:, [fit.anchor]]
    return Bootstrap(ratings, seed)


@dataclass(frozen=True, eq=False)
class _Refit:
    """What every round of a fit shares."""

    fit: BradleyTerry
    redraws: Redraws
    start: NDArray[np.float64]
    bread: NDArray[np.float64]

    @classmethod
    def of(cls, fit: BradleyTerry, pairs: NDArray[np.int32]) -> Self:
        redraws = Redraws.of(pairs, _kinds(fit.counts, pairs), len(fit.models))
        return cls(fit, redraws, np.nan_to_num(fit.logits - _anchor_shift(fit)), fit.bread)

    def rate(self, seed: np.random.SeedSequence, rounds: int) -> NDArray[np.float64]:
        """Redraw the votes and rate them, several times; return shape (n_models, n_rounds)."""
        drawn, points = self.redraws.draw(np.random.SFC64(seed), rounds)
        pairs, prior = self.redraws.pairs, self.fit.prior
        met = drawn.astype(np.float64) + prior if prior else drawn
        points += 0.5 * prior * np.bincount(pairs.ravel(), minlength=len(points))[:, None]
        fitted = chord_fits(met, points, pairs, self.start, self.bread, most_steps=_CHORDS)
        rated = np.where(self.fit.groups.of_model[:, None] < 0, np.nan, MEAN + POINTS * fitted)
        if len(lost := np.flatnonzero(np.isnan(fitted).any(axis=0))):
            # the same votes once more, pair by pair
            _, taken = self.redraws.apart().draw(np.random.SFC64(seed), rounds)
            for number in lost:
                rated[:, number] = self._rate_alone(taken[:, number].reshape(-1, 2) + 0.5 * prior)
        return rated

    def _rate_alone(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rate one round from scratch; `nan` for a group that its votes no longer hold together."""
        seats = np.zeros_like(self.fit.counts.seats)
        first, second = self.redraws.pairs.T
        seats[first, second, A_WINS], seats[first, second, B_WINS] = points.T  # ties or not
        again = bradley_terry(PairCounts(self.fit.models, seats))
        rated = again.ratings.copy()
        for group in range(self.fit.groups.n_groups):
            own = self.fit.groups.of_model == group
            if len(np.unique(again.groups.of_model[own])) > 1:
                rated[own] = np.nan
        return rated


def _kinds(counts: PairCounts, pairs: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the wins, the ties and the losses of all pairs, of shape (n_pairs, 3)."""
    first, second = pairs.T
    wins, ties = counts.wins, counts.ties + counts.both_bad
    return np.stack([wins[first, second], ties[first, second], wins[second, first]], axis=1)


def _anchor_shift(fit: BradleyTerry) -> NDArray[np.float64]:
    """Return how far the anchor moved each model from its group's mean, in logits."""
    shift = np.zeros(len(fit.models))
    for group in range(fit.groups.n_groups):
        own = fit.groups.of_model == group
        shift[own] = fit.logits[own].mean()
    return shift
