"""Votes drawn again: exact multinomial counts of pairs, at a cost that knows no votes.

Each kind of vote (a pair's wins, ties, losses) is first drawn on its own from a Poisson law whose
total mostly falls short; a round that has too many is drawn again, and what is missing is then
drawn vote by vote. Whatever the total of the first draw, given it the counts are multinomial, so
together they are an exact multinomial draw, in which nearly every number comes from one look into
a table. (Exact as far as the 32 random bits behind each number go.)

This module does not know what the draws are for: `ratings.bootstrap` does.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ratings.kernels import add_votes, alias_tables, draw_pairs
from ratings.plain.rounds import Tables

_SHORT: Final = 2.0  # standard deviations the first, independent draw stays below the total
_TAIL: Final = 7.0  # standard deviations of a Poisson table: 1 in 10 ** 11 draws lies beyond
_AT_ONCE: Final = 2_000  # words of random bits for each kind, drawn at once: they stay near

_Counts = tuple[NDArray[np.int32], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Redraws:
    """Counts of pairs from which to draw again.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2)
        Codes of the models of each pair.
    n_models : int
        Models, with those that met nobody.
    total : int
        Votes in each round.
    alone : tuple of ndarray
        Draws of each kind for itself, on average a little too few: tables as
        `ratings.plain.draw_pairs` takes them.
    rest : ndarray of shape (3 * n_pairs,)
        The kind of one more vote: a table as `ratings.plain.add_votes` takes it.
    """

    pairs: NDArray[np.int32]
    n_models: int
    total: int
    alone: Tables
    rest: NDArray[np.int64]

    @classmethod
    def of(cls, pairs: NDArray[np.int32], kinds: NDArray[np.float64], n_models: int) -> Self:
        """Prepare draws from the wins, ties and losses of pairs, of shape (n_pairs, 3).

        Their shares are the chances.
        """
        total = round(kinds.sum())
        alone = poisson_tables(kinds * max(0.0, 1.0 - _SHORT / np.sqrt(max(total, 1))))
        chances = kinds.reshape(-1) / max(kinds.sum(), 1.0)
        rest = alias_tables(chances, np.array([0, chances.size]))
        return cls(pairs, n_models, total, alone, rest)

    def apart(self) -> Self:
        """Return the same draws among models that each met one other only.

        So their points tell what each pair drew: models 2 k and 2 k + 1 are those of pair k.
        """
        each = np.arange(self.pairs.size, dtype=np.int32)
        return replace(self, pairs=each.reshape(-1, 2), n_models=len(each))

    def draw(self, bits: np.random.BitGenerator, rounds: int) -> _Counts:
        """Draw all votes again.

        Returns
        -------
        met : ndarray of shape (n_pairs, n_rounds)
            Votes of each pair; each round has all votes.
        points : ndarray of shape (n_models, n_rounds)
            What each model took of them: wins and half of the ties.
        """
        met, points = self._draw_alone(bits, rounds)
        while len(over := np.flatnonzero(points.sum(axis=0) > self.total)):
            met[:, over], points[:, over] = self._draw_alone(bits, len(over))
        missing = self.total - points.sum(axis=0).astype(np.int64)  # a vote is one point
        raw = _words(bits, int(missing.sum()))
        add_votes(raw, missing, self.pairs, self.rest, met, points)
        return met, points

    def _draw_alone(self, bits: np.random.BitGenerator, rounds: int) -> _Counts:
        met = np.empty((len(self.pairs), rounds), dtype=np.int32)
        points = np.zeros((self.n_models, rounds))
        table, bounds, aliases, lowest = self.alone
        words = (rounds + 1) // 2
        size = max(1, _AT_ONCE // max(words, 1))
        for first in range(0, len(met), size):
            rows = slice(first, first + size)
            raw = _words(bits, table[rows].size * words).reshape(-1, 3, words)
            tables = table[rows], bounds, aliases, lowest
            draw_pairs(raw, self.pairs[rows], tables, met[rows], points)
        return met, points


def poisson_tables(means: NDArray[np.float64]) -> Tables:
    """Prepare Poisson draws of each mean, of shape (n_pairs, 3); equal means share a table."""
    distinct, table = np.unique(means, return_inverse=True)
    reach = _TAIL * np.sqrt(distinct) + _TAIL**2 / 2.0
    lowest = np.floor(np.maximum(0.0, distinct - reach)).astype(np.int64)
    sizes = np.ceil(distinct + reach).astype(np.int64) - lowest
    starts = np.cumsum(sizes) - sizes
    values = np.arange(sizes.sum()) - np.repeat(starts - lowest, sizes)
    factorials = gammaln(np.arange(values.max(initial=0) + 1) + 1.0)
    logs = np.log(np.maximum(distinct, np.finfo(np.float64).tiny))
    chances = values * np.repeat(logs, sizes) - np.repeat(distinct, sizes) - factorials[values]
    chances = np.exp(chances)
    chances /= np.repeat(np.add.reduceat(chances, starts), sizes)
    bounds = np.append(starts, len(values))
    return table.reshape(means.shape), bounds, alias_tables(chances, bounds), lowest


def _words(bits: np.random.BitGenerator, size: int) -> NDArray[np.int64]:
    """Return words of 64 random bits."""
    raw: NDArray[np.uint64] = bits.random_raw(size)
    return raw.view(np.int64)
