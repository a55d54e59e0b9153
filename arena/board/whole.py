"""What takes every vote to make: intervals for new questions, bands of Elo, how far raters agree.

Each part is made when it is first asked for, and then kept. A board of the newest votes may show
those of the votes a moment ago, and says of how many they are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from arena.board.sway import Swayed, swayed_by
from ratings.agreement import Agreement, agreement
from ratings.bradley_terry import bradley_terry
from ratings.calibration import HeldOut, held_out
from ratings.clusters import can_cluster
from ratings.counts import PairCounts
from ratings.elo import elo_ratings
from ratings.intervals import Uncertainty, clustered
from ratings.leaderboard import Leaderboard, elo_bands
from ratings.live import LiveBoard
from ratings.orders import EloOrders
from ratings.rows import RankBy
from ratings.votes import Votes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Whole:
    """All votes that count, and what they take each other to say.

    `doublings` is how often seat A's response is twice as long as seat B's, where that is known;
    0 `orders` leave out the bands of Elo.
    """

    votes: Votes
    doublings: "NDArray[np.float64] | None" = None
    orders: int | None = None

    @cached_property
    def live(self) -> LiveBoard:
        """The counts and Elo ratings, to which more votes can be added."""
        counts = PairCounts.of(self.votes)
        # every table of these votes starts where this fit ends
        return LiveBoard(counts, elo_ratings(self.votes), bradley_terry(counts).ratings)

    @cached_property
    def uncertainty(self) -> Uncertainty | None:
        """How far the ratings would hold with other questions and raters; None with too few."""
        if not can_cluster(self.votes):
            return None
        return clustered(bradley_terry(self.live.counts, start=self.live.start), self.votes)

    @cached_property
    def bands(self) -> tuple[EloOrders | None, EloOrders | None]:
        """Elo over orders of the votes, and of redrawn votes."""
        return elo_bands(self.votes, orders=self.orders)

    @cached_property
    def agreement(self) -> Agreement:
        """How far the raters agree."""
        return agreement(self.votes)

    @cached_property
    def held_out(self) -> HeldOut:
        """What ratings of some questions say about votes on the others."""
        return held_out(self.votes)

    @cached_property
    def swayed(self) -> tuple[Swayed, ...]:
        """What swayed the raters besides the models, where the votes tell and are not too many."""
        return swayed_by(self.votes, self.doublings)

    def table(self, live: LiveBoard, rank_by: RankBy) -> tuple[Leaderboard, LiveBoard]:
        """Return the leaderboard of these votes, or of later ones among the same models."""
        band, redrawn = self.bands
        return live.leaderboard(rank_by=rank_by, new=self.uncertainty, band=band, redrawn=redrawn)

    @cached_property
    def _chances(self) -> "dict[RankBy, pd.DataFrame]":
        return {}

    def chances(self, rank_by: RankBy) -> "pd.DataFrame":
        """Return what is drawn rather than computed: `ratings.leaderboard.Leaderboard.chances`."""
        if rank_by not in self._chances:
            self._chances[rank_by] = self.table(self.live, rank_by)[0].chances
        return self._chances[rank_by]
