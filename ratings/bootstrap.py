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

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import pdtr

from ratings.bradley_terry import MEAN, POINTS, BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.kernels import chord_fits
from ratings.votes import A_WINS, B_WINS, TIE

ROUNDS: Final = 1000
_BLOCK: Final = 100  # rounds held in memory at once
_SHORT: Final = 4.2  # standard deviations the first, independent draw stays below the total
_TAIL: Final = 9.0  # standard deviations of a Poisson table: what lies beyond never happens
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
        lower, upper = np.nanquantile(known, [tail, 1.0 - tail], axis=0)
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
    ratings = np.full((rounds, len(fit.models)), np.nan)
    filled = 0
    for kinds in _drawn_kinds(fit.counts, pairs, rounds, np.random.default_rng(seed)):
        block = slice(filled, filled := filled + kinds.shape[1])
        ratings[block] = _rate(fit, pairs, kinds)
    if fit.anchor is not None:
        own = fit.groups.of_model == fit.groups.of_model[fit.anchor]
        ratings[:, own] += fit.ratings[fit.anchor] - ratings[:, [fit.anchor]]
    return Bootstrap(ratings, seed)


def _rate(
    fit: BradleyTerry, pairs: NDArray[np.int32], kinds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rate rounds given as counts of shape (3 n_pairs, n_rounds): wins, ties, losses of pairs."""
    wins, ties, losses = kinds.reshape(3, len(pairs), kinds.shape[1])
    ties = ties + fit.prior
    first, second = (_adder(pairs[:, seat], len(fit.models)) for seat in (0, 1))
    taken = first @ (wins + ties / 2.0) + second @ (losses + ties / 2.0)
    fitted = chord_fits(
        np.ascontiguousarray(taken.T),
        np.ascontiguousarray((wins + ties + losses).T),
        pairs,
        np.nan_to_num(fit.logits - _anchor_shift(fit)),
        fit.bread,
        most_steps=_CHORDS,
    )
    rated = np.where(fit.groups.of_model < 0, np.nan, MEAN + POINTS * fitted)
    for number in np.flatnonzero(np.isnan(fitted).any(axis=1)):
        rated[number] = _rate_alone(fit, pairs, kinds[:, number])
    return rated


def _rate_alone(
    fit: BradleyTerry, pairs: NDArray[np.int32], kinds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rate one round from scratch; `nan` for a group that its votes no longer hold together."""
    seats = np.zeros_like(fit.counts.seats)
    wins, ties, losses = kinds.reshape(3, len(pairs))
    first, second = pairs.T
    seats[first, second, A_WINS] = wins
    seats[first, second, TIE] = ties
    seats[first, second, B_WINS] = losses
    again = bradley_terry(PairCounts(fit.models, seats), prior=fit.prior)
    rated = again.ratings.copy()
    for group in range(fit.groups.n_groups):
        own = fit.groups.of_model == group
        if len(np.unique(again.groups.of_model[own])) > 1:
            rated[own] = np.nan
    return rated


def _drawn_kinds(
    counts: PairCounts, pairs: NDArray[np.int32], rounds: int, generator: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of multinomial draws, each of shape (3 n_pairs, n_rounds of the block)."""
    first, second = pairs.T
    wins, ties = counts.wins, counts.ties + counts.both_bad
    expected = np.concatenate([wins[first, second], ties[first, second], wins[second, first]])
    total = round(expected.sum())
    drawer = _PoissonTables(expected * max(0.0, 1.0 - _SHORT / np.sqrt(max(total, 1))))
    ladder = np.cumsum(expected) / max(expected.sum(), 1.0)
    for start in range(0, rounds, _BLOCK):
        kinds = drawer.draw(generator, min(_BLOCK, rounds - start))
        for column in kinds.T:
            _top_up(column, total, ladder, generator)
        yield kinds


def _top_up(
    kinds: NDArray[np.float64],
    total: int,
    ladder: NDArray[np.float64],
    generator: np.random.Generator,
) -> None:
    """Draw what an independent draw left short of the total, which makes it multinomial."""
    short = total - int(kinds.sum())
    if short < 0:  # once in 75,000 rounds: start this one again
        kinds[:] = 0.0
        short = total
    # sorted numbers walk up the ladder instead of jumping about in it
    drawn = np.searchsorted(ladder, np.sort(generator.random(short)), side="right")
    kinds += np.bincount(np.minimum(drawn, len(kinds) - 1), minlength=len(kinds))


class _PoissonTables:
    """Poisson draws by looking uniform numbers up in tables, one for each distinct mean."""

    def __init__(self, means: NDArray[np.float64]) -> None:
        self._order = np.argsort(means, kind="stable")
        distinct, firsts = np.unique(means[self._order], return_index=True)
        self._bounds = [*firsts.tolist(), len(means)]
        self._tables = [_poisson_table(float(mean)) for mean in distinct]

    def draw(self, generator: np.random.Generator, rounds: int) -> NDArray[np.float64]:
        """Return draws of shape (n_means, rounds)."""
        uniform = generator.random((len(self._order), rounds))
        drawn = np.empty_like(uniform)
        for (low, table), (start, end) in zip(self._tables, pairwise(self._bounds), strict=True):
            drawn[self._order[start:end]] = low + np.searchsorted(table, uniform[start:end])
        return drawn


def _poisson_table(mean: float) -> tuple[int, NDArray[np.float64]]:
    """Return the smallest value that ever happens, and the chances to stay at or below each."""
    reach = _TAIL * np.sqrt(mean) + _TAIL**2 / 2.0
    low = max(0, int(mean - reach))
    values = np.arange(low, int(mean + reach) + 1, dtype=np.float64)
    return low, np.asarray(pdtr(values, mean), dtype=np.float64)


def _adder(models: NDArray[np.int32], n_models: int) -> csr_array:
    """Return the matrix that adds up what the pairs give to each model."""
    columns = np.arange(len(models))
    return csr_array((np.ones(len(models)), (models, columns)), shape=(n_models, len(models)))


def _anchor_shift(fit: BradleyTerry) -> NDArray[np.float64]:
    """Return how far the anchor moved each model from its group's mean, in logits."""
    shift = np.zeros(len(fit.models))
    for group in range(fit.groups.n_groups):
        own = fit.groups.of_model == group
        shift[own] = fit.logits[own].mean()
    return shift
