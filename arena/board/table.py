"""The board itself: its rows, and everything that is said beside them.

How votes become a board is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from arena.board.chance import Miss, miss_of
from arena.board.plain import plain
from ratings.agreement import Agreement, agreement
from ratings.counts import PairCounts
from ratings.votes import Votes
from ratings.winrate import predicted_rates, win_rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

RankBy = Literal["rating", "elo"]
Kind = Literal["actual", "predicted", "residual"]
KINDS: Final[tuple[Kind, ...]] = ("actual", "predicted", "residual")

ROW_COLUMNS: Final = (
    *("rank", "rank_low", "rank_high", "model", "rating", "lower", "upper"),
    *("lower_these", "upper_these", "votes", "wins", "losses", "ties", "both_bad"),
    *("win_rate", "failure_rate", "elo", "elo_mean", "elo_low", "elo_high"),
)


@dataclass(frozen=True, eq=False)
class Heat:
    """One heat map: a value for each row model against each column model, nan where unknown."""

    kind: Kind
    models: tuple[str, ...]
    cells: "NDArray[np.float64]"
    votes: "NDArray[np.float64]"


@dataclass(frozen=True, eq=False)
class Board:
    """A leaderboard with everything that is said beside it."""

    source: str
    votes: int
    set_aside: Mapping[str, int]
    rows: pd.DataFrame
    settings: Mapping[str, Any]
    interval: str
    notes: tuple[str, ...]
    warning: str | None
    log: pd.DataFrame
    raters: str  # human, simulated or model: whose votes count here
    doubtful: tuple[tuple[str, str], ...]  # neighbours that cannot be told apart, best first
    groups: Mapping[str, int]  # models of different groups share no scale; -1 stands alone

    @property
    def counted(self) -> int:
        """How many votes made the ratings."""
        return len(self.log)

    @cached_property
    def ballots(self) -> Votes:
        """The votes that count, as the estimators read them."""
        return Votes.from_frame(self.log)

    @cached_property
    def agreement(self) -> Agreement:
        """How far the raters agree."""
        return agreement(self.ballots, seed=0)

    @cached_property
    def miss(self) -> Miss:
        """How far win rates are from those predicted by the numbers that rank the models."""
        counts = PairCounts.of(self.ballots)
        return miss_of(counts, self._predicted(counts.models, self.settings["rank_by"]))

    @property
    def n_groups(self) -> int:
        """How many sets of models are rated, each on a scale of its own."""
        return max(self.groups.values(), default=-1) + 1

    def _predicted(self, models: tuple[str, ...], by: RankBy) -> "NDArray[np.float64]":
        """Return predicted win rates; between models without a common scale there are none."""
        rated = self.rows.set_index("model")[by].reindex(list(models)).to_numpy(dtype=np.float64)
        if by == "elo":  # all votes move one and the same scale
            return predicted_rates(rated)
        return predicted_rates(rated, np.array([self.groups[model] for model in models]))

    @cached_property
    def quantizations(self) -> dict[str, str]:
        """The quantization of each model, where the log names it."""
        found: dict[str, str] = {}
        for seat in ("a", "b"):
            known = self.log[[f"model_{seat}", f"quantization_{seat}"]].dropna()
            found |= dict(known.drop_duplicates(f"model_{seat}", keep="last").to_numpy().tolist())
        return found

    def heat(self, kind: Kind, *, by: RankBy = "rating") -> Heat:
        """Return a heat map, models in the order of the table."""
        actual = win_rates(self.ballots)
        order = [actual.models.index(name) for name in self.rows["model"]]
        grid = np.ix_(order, order)
        values = actual.rate[grid]
        models = tuple(actual.models[place] for place in order)
        if kind != "actual":
            predicted = self._predicted(models, by)
            values = predicted if kind == "predicted" else values - predicted
        return Heat(kind, models, values, actual.count[grid])

    def to_dict(self) -> dict[str, Any]:
        """Return the board as `arena leaderboard --format json` prints it."""
        return {
            "source": self.source,
            "votes": self.votes,
            "counted": self.counted,
            "set_aside": dict(self.set_aside),
            "settings": plain(dict(self.settings)),
            "interval": self.interval,
            "notes": list(self.notes),
            "warning": self.warning,
            "rows": [plain(row) for row in self.rows[list(ROW_COLUMNS)].to_dict("records")],
        }
