"""How often each outcome fell between each two models: all a rating needs to know.

An estimator that reads counts costs the same for a thousand votes and for ten million, and a
server can keep the counts up to date one vote at a time.

This module does not know the order of the votes, nor who cast them on what.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ratings.kernels import count_cells, points_of
from ratings.votes import A_WINS, B_WINS, BOTH_BAD, OUTCOMES, TIE, Votes


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Counts of outcomes by pair of models and seat.

    Attributes
    ----------
    models : tuple of str
        Model names; a model's code is its place here.
    seats : ndarray of shape (n_models, n_models, 4)
        Votes by model on seat A, model on seat B and outcome code. Fractions are weights.
    """

    models: tuple[str, ...]
    seats: NDArray[np.float64]

    @classmethod
    def of(cls, votes: Votes) -> Self:
        """Count votes.

        Examples
        --------
        >>> votes = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1], [1, 0]], [0, 2])
        >>> PairCounts.of(votes).points.tolist()
        [[0.0, 1.5], [0.5, 0.0]]
        """
        return cls(votes.models, count_cells(votes.pairs, votes.outcome, len(votes.models)))

    @property
    def wins(self) -> NDArray[np.float64]:
        """Votes the row's model won against the column's, on either seat."""
        wins: NDArray[np.float64] = self.seats[:, :, A_WINS] + self.seats[:, :, B_WINS].T
        return wins

    @property
    def ties(self) -> NDArray[np.float64]:
        """Ties of each pair, without those where both were bad; symmetric."""
        return self._both_ways(TIE)

    @property
    def both_bad(self) -> NDArray[np.float64]:
        """Votes of each pair that called both bad; symmetric."""
        return self._both_ways(BOTH_BAD)

    @property
    def points(self) -> NDArray[np.float64]:
        """Wins plus half of the ties and both-bad votes, of the row's model over the column's."""
        return points_of(self.seats)

    @property
    def votes(self) -> NDArray[np.float64]:
        """Votes of each pair; symmetric, with a zero diagonal."""
        one_way = self.seats.sum(axis=2)
        total: NDArray[np.float64] = one_way + one_way.T
        return total

    def _both_ways(self, outcome: int) -> NDArray[np.float64]:
        one_way = self.seats[:, :, outcome]
        total: NDArray[np.float64] = one_way + one_way.T
        return total


def vote_cells(votes: Votes) -> NDArray[np.int64]:
    """Return the place of each vote in the flat table of `PairCounts.seats`.

    Returns
    -------
    ndarray of shape (n_votes,)
        ``(a * n_models + b) * 4 + outcome``, so that a value known for each kind of vote is
        looked up rather than computed for each vote.
    """
    pair = votes.a.astype(np.int64) * len(votes.models) + votes.b
    cells: NDArray[np.int64] = pair * len(OUTCOMES) + votes.outcome
    return cells
