"""Votes drawn again: exact multinomial counts of kinds of votes, at a cost that knows no votes.

Each kind is first drawn on its own from a Poisson law whose total almost surely falls short, and
what is missing is then drawn vote by vote: together an exact multinomial draw, in which nearly
every number comes from one look into a table.

This module does not know what the kinds are.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from ratings.kernels import alias_draws, alias_tables

_SHORT: Final = 4.2  # standard deviations the first, independent draw stays below the total
_TAIL: Final = 9.0  # standard deviations of a Poisson table: what lies beyond never happens


@dataclass(frozen=True, eq=False)
class Redraws:
    """Counts of kinds from which to draw again.

    Attributes
    ----------
    total : int
        Votes in each round.
    alone : Tables
        Draws of each kind for itself, a little too few.
    rest : Tables
        The kind of one more vote.
    """

    total: int
    alone: "Tables"
    rest: "Tables"

    @classmethod
    def of(cls, counts: NDArray[np.float64]) -> Self:
        """Prepare draws from counts of shape (n_kinds,), whose shares are the chances."""
        total = round(counts.sum())
        alone = Tables.poisson(counts * max(0.0, 1.0 - _SHORT / np.sqrt(max(total, 1))))
        return cls(total, alone, Tables.of([counts / max(counts.sum(), 1.0)]))

    def draw(self, generator: np.random.Generator, rounds: int) -> NDArray[np.float64]:
        """Return counts of shape (n_kinds, n_rounds), each round with all votes."""
        kinds = self.alone.draw(generator, rounds)
        short = self.total - kinds.sum(axis=0).astype(np.int64)
        kinds[:, short < 0] = 0.0  # once in 75,000 rounds: start this one again
        short[short < 0] = self.total
        drawn = self.rest.draw(generator, int(short.sum()))[0].astype(np.int64)
        cells = drawn * rounds + np.repeat(np.arange(rounds), short)
        np.add.at(kinds.reshape(-1), cells, 1.0)
        return kinds


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables of chances, and the one from which each row is drawn."""

    table: NDArray[np.int64]
    bounds: NDArray[np.int64]
    aliases: NDArray[np.float64]
    lowest: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        chances: list[NDArray[np.float64]],
        lowest: NDArray[np.float64] | None = None,
        table: NDArray[np.int64] | None = None,
    ) -> Self:
        """Prepare tables; without more, each is one row and its first value is 0."""
        rows = np.arange(len(chances))
        bounds = np.cumsum([0, *map(len, chances)])
        return cls(
            rows if table is None else table,
            bounds,
            alias_tables(np.concatenate([np.empty(0), *chances]), bounds),
            np.zeros(len(chances)) if lowest is None else lowest,
        )

    @classmethod
    def poisson(cls, means: NDArray[np.float64]) -> Self:
        """Prepare Poisson draws of each mean; equal means share a table."""
        distinct, table = np.unique(means, return_inverse=True)
        reach = _TAIL * np.sqrt(distinct) + _TAIL**2 / 2.0
        lowest = np.floor(np.maximum(0.0, distinct - reach))
        chances = [
            _poisson_chances(mean, np.arange(low, mean + far))
            for mean, low, far in zip(distinct, lowest, reach, strict=True)
        ]
        return cls.of(chances, lowest, table)

    def draw(self, generator: np.random.Generator, rounds: int) -> NDArray[np.float64]:
        """Return draws of shape (n_rows, n_rounds)."""
        drawn = generator.random((len(self.table), rounds))
        alias_draws(drawn, self.table, self.bounds, self.aliases, self.lowest)
        return drawn


def _poisson_chances(mean: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    chances = np.exp(xlogy(values, mean) - mean - gammaln(values + 1.0))
    return np.asarray(chances / chances.sum())
