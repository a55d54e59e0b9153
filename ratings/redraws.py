"""Votes drawn again: exact multinomial counts of pairs, at a cost that knows no votes.

Each kind of vote (a pair's wins, ties, losses) is first drawn on its own from a Poisson law whose
total mostly falls short; a round that has too many is drawn again, and what is missing is then
drawn vote by vote. Whatever the total of the first draw, given it the counts are multinomial, so
together they are an exact multinomial draw, in which nearly every number comes from one look into
a table.

This module does not know who met whom.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from ratings.kernels import add_votes, alias_draws, alias_tables

_SHORT: Final = 2.0  # standard deviations the first, independent draw stays below the total
_TAIL: Final = 9.0  # standard deviations of a Poisson table: what lies beyond never happens
_AT_ONCE: Final = 12_000  # rounds of pairs drawn at once: they stay near the processor

_Counts = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Redraws:
    """Counts of pairs from which to draw again.

    Attributes
    ----------
    total : int
        Votes in each round.
    alone : Tables
        Draws of each kind for itself, on average a little too few: wins, ties, losses by pair.
    rest : Tables
        The kind of one more vote.
    """

    total: int
    alone: "Tables"
    rest: "Tables"

    @classmethod
    def of(cls, kinds: NDArray[np.float64]) -> Self:
        """Prepare draws from the wins, ties and losses of pairs, of shape (3, n_pairs).

        Their shares are the chances.
        """
        total = round(kinds.sum())
        alone = Tables.poisson(kinds * max(0.0, 1.0 - _SHORT / np.sqrt(max(total, 1))))
        chances = kinds.reshape(-1) / max(kinds.sum(), 1.0)
        return cls(total, alone, Tables.of(chances, np.array([chances.size])))

    def draw(self, generator: np.random.Generator, rounds: int) -> _Counts:
        """Draw all votes again.

        Returns
        -------
        met : ndarray of shape (n_pairs, n_rounds)
            Votes of each pair; each round has all votes.
        won : ndarray of shape (n_pairs, n_rounds)
            Points the pair's first model took: wins and half of the ties.
        """
        met, won = self._draw_alone(generator, rounds)
        missing = self.total - met.sum(axis=0).astype(np.int64)
        more = self.rest.draw(generator, self.rest.table, int(missing.sum()))
        add_votes(met, won, more[0], missing)
        return met, won

    def _draw_alone(self, generator: np.random.Generator, rounds: int) -> _Counts:
        n_pairs = self.alone.table.shape[1]
        met, won = np.empty((n_pairs, rounds)), np.empty((n_pairs, rounds))
        size = max(1, _AT_ONCE // max(rounds, 1))
        for first in range(0, n_pairs, size):
            rows = slice(first, first + size)
            table = self.alone.table[:, rows]
            drawn = self.alone.draw(generator, table.reshape(-1), rounds)
            wins, ties, losses = drawn.reshape(*table.shape, rounds)
            np.add(wins, ties, out=met[rows])
            met[rows] += losses
            ties *= 0.5
            np.add(wins, ties, out=won[rows])
        over = np.flatnonzero(met.sum(axis=0) > self.total)
        if len(over):
            met[:, over], won[:, over] = self._draw_alone(generator, len(over))
        return met, won


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables of chances, one after the other, and the one from which each kind is drawn."""

    table: NDArray[np.int64]
    bounds: NDArray[np.int64]
    aliases: NDArray[np.float64]
    lowest: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        chances: NDArray[np.float64],
        sizes: NDArray[np.int64],
        lowest: NDArray[np.float64] | None = None,
        table: NDArray[np.int64] | None = None,
    ) -> Self:
        """Prepare tables of some sizes; without more, each is one row and its first value is 0."""
        bounds = np.append(0, np.cumsum(sizes))
        return cls(
            np.arange(len(sizes)) if table is None else table,
            bounds,
            alias_tables(chances, bounds),
            np.zeros(len(sizes)) if lowest is None else lowest,
        )

    @classmethod
    def poisson(cls, means: NDArray[np.float64]) -> Self:
        """Prepare Poisson draws of each mean; equal means share a table."""
        distinct, table = np.unique(means, return_inverse=True)
        reach = _TAIL * np.sqrt(distinct) + _TAIL**2 / 2.0
        lowest = np.floor(np.maximum(0.0, distinct - reach))
        sizes = np.ceil(distinct + reach - lowest).astype(np.int64)
        starts = np.cumsum(sizes) - sizes
        mean = np.repeat(distinct, sizes)
        values = np.arange(len(mean)) - np.repeat(starts - lowest, sizes)
        chances = np.exp(xlogy(values, mean) - mean - gammaln(values + 1.0))
        chances /= np.repeat(np.add.reduceat(chances, starts), sizes)
        return cls.of(chances, sizes, lowest, table.reshape(means.shape))

    def draw(
        self, generator: np.random.Generator, table: NDArray[np.int64], rounds: int
    ) -> NDArray[np.float64]:
        """Return draws from some of the tables, of shape (n_rows, n_rounds)."""
        drawn = generator.random((len(table), rounds))
        alias_draws(drawn, table, self.bounds, self.aliases, self.lowest)
        return drawn
