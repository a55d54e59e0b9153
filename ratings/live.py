"""A leaderboard kept up to date vote by vote, at a cost that does not grow with the votes.

The counts and the Elo ratings are all that has to be kept: one more vote adds one to a cell and
moves two ratings. A table made from them equals that of a full recount to 1e-9, with the interval
of these votes only; the interval for new questions and raters and the band over orders need every
vote, so a server makes those in the background.

A vote that is taken back changes every Elo rating after it: start again from the log.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ratings.bradley_terry import BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.elo import elo_ratings, elo_update
from ratings.intervals import Uncertainty
from ratings.leaderboard import Leaderboard, leaderboard_of
from ratings.orders import EloOrders
from ratings.rows import RankBy
from ratings.votes import OUTCOMES, Outcome, Votes


@dataclass(frozen=True, eq=False)
class LiveBoard:
    """What a leaderboard needs of all votes so far.

    Attributes
    ----------
    counts : PairCounts
        Outcomes by pair.
    elo : ndarray of shape (n_models,)
        Elo after the newest vote, in points.
    start : ndarray of shape (n_models,) or None
        Ratings before the newest votes, from which the next fit starts.
    """

    counts: PairCounts
    elo: NDArray[np.float64]
    start: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, votes: Votes) -> Self:
        """Count and replay a log once."""
        return cls(PairCounts.of(votes), elo_ratings(votes))

    def after(self, model_a: str, model_b: str, outcome: Outcome) -> Self:
        """Return the board after one more vote.

        Raises
        ------
        ValueError
            If a model is not on the board, or meets itself.
        """
        models = self.counts.models
        if model_a == model_b or not {model_a, model_b} <= set(models):
            raise ValueError(f"{model_a!r} and {model_b!r} are not two models of this board")
        a, b = models.index(model_a), models.index(model_b)
        seats, elo = self.counts.seats.copy(), self.elo.copy()
        seats[a, b, OUTCOMES.index(outcome)] += 1.0
        elo[a], elo[b] = elo_update(float(elo[a]), float(elo[b]), outcome)
        return type(self)(PairCounts(models, seats), elo, self.start)

    def leaderboard(
        self,
        *,
        rank_by: RankBy = "rating",
        new: Uncertainty | None = None,
        band: EloOrders | None = None,
        redrawn: EloOrders | None = None,
        seed: int = 0,
    ) -> tuple[Leaderboard, Self]:
        """Return the table, and the board from which the next fit starts closer.

        Parameters
        ----------
        rank_by : {"rating", "elo"}, default "rating"
            Bradley-Terry rating or Elo in log order.
        new, band, redrawn, seed : optional
            What every vote is needed for, made of these votes or of those a moment ago:
            `ratings.leaderboard.leaderboard_of`. Without ``new``, or where votes since have
            changed which models can be compared, ``lower`` and ``upper`` are those of these votes
            only; without ``band`` the one of Elo is left out.
        """
        fit = bradley_terry(self.counts, start=self.start)
        if new is not None and not _same_groups(fit, new):
            new = None
        board = leaderboard_of(
            fit, self.elo, rank_by=rank_by, new=new, band=band, redrawn=redrawn, seed=seed
        )
        return board, type(self)(self.counts, self.elo, fit.ratings)


def _same_groups(fit: BradleyTerry, uncertainty: Uncertainty) -> bool:
    return bool((np.isnan(uncertainty.covariance) == ~fit.groups.together).all())
