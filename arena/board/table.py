"""The board itself: its rows, and everything that is said beside them.

How votes become a board is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from arena.board.judged import judged
from arena.board.plain import plain
from arena.board.sway import Swayed
from arena.board.whole import Whole
from ratings.agreement import Agreement
from ratings.calibration import Calibration, HeldOut, calibration
from ratings.doubts import Doubts
from ratings.leaderboard import Leaderboard
from ratings.rows import COLUMNS, RankBy
from ratings.winrate import predicted_rates, win_rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

Behind = Literal["whole", "everything"]
Kind = Literal["actual", "predicted", "residual"]
KINDS: Final[tuple[Kind, ...]] = ("actual", "predicted", "residual")

ROW_COLUMNS: Final = (*COLUMNS, "p_best", "rank_low_all", "rank_high_all")

SHRUNK: Final = ("shrunk", "shrunk_error")  # beside a board of one aspect of several


@dataclass(frozen=True, eq=False)
class Heat:
    """One heat map: a value for each row model against each column model, nan where unknown."""

    kind: Kind
    models: tuple[str, ...]
    cells: "NDArray[np.float64]"
    votes: "NDArray[np.float64]"
    stands_out: "NDArray[np.bool_]"  # no luck, at a false discovery rate of 5 %


@dataclass(frozen=True, eq=False)
class Board:
    """A leaderboard with everything that is said beside it."""

    source: str
    votes: int
    set_aside: Mapping[str, int]
    rows: pd.DataFrame
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    counted: int  # votes that made the ratings
    raters: str  # human, simulated or model: whose votes count here
    judges: int  # how many of them there are
    quantizations: Mapping[str, str]  # of each model, where the log names it
    made: Leaderboard  # what the rows were made from
    whole: Whole  # what takes every vote: of these votes, or of those a moment ago
    behind: Behind | None = None  # what votes were cast or changed since it was made, if anything

    @property
    def as_of(self) -> int | None:
        """How many votes what takes every vote was made of; None where it is these very votes.

        It may be as many as now: a vote that was corrected changes no count.
        """
        return None if self.behind is None else len(self.whole.votes)

    @property
    def interval(self) -> str:
        """What the interval of a rating means."""
        return self.made.interval

    @property
    def doubts(self) -> Doubts:
        """The neighbours that cannot be told apart."""
        return self.made.doubts

    @cached_property
    def groups(self) -> dict[str, int]:
        """The group of each model; those of different groups share no scale, -1 stands alone."""
        fit = self.made.fit
        return dict(zip(fit.models, fit.groups.of_model.tolist(), strict=True))

    @property
    def n_groups(self) -> int:
        """How many sets of models are rated, each on a scale of its own."""
        return self.made.fit.groups.n_groups

    @property
    def agreement(self) -> Agreement:
        """How far the raters agree."""
        return self.whole.agreement

    @cached_property
    def calibration(self) -> Calibration:
        """How far win rates are from those predicted by the numbers that rank the models."""
        fit = self.made.fit
        by_elo = self.settings["rank_by"] == "elo"
        return calibration(fit, self._predicted(fit.models, "elo") if by_elo else None)

    @property
    def held_out(self) -> HeldOut:
        """What ratings of some questions say about votes on the others."""
        return self.whole.held_out

    @property
    def swayed(self) -> tuple[Swayed, ...]:
        """What swayed the raters besides the models, where the votes tell and are not too many."""
        return self.whole.swayed

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows with all of `ROW_COLUMNS`, and scores after them."""
        rows = self.rows.join(self.whole.chances(self.settings["rank_by"]), on="model")
        return rows[[*ROW_COLUMNS, *(name for name in rows if name not in ROW_COLUMNS)]]

    def _predicted(self, models: tuple[str, ...], by: RankBy) -> "NDArray[np.float64]":
        """Return predicted win rates; between models without a common scale there are none."""
        rated = self.rows.set_index("model")[by].reindex(list(models)).to_numpy(dtype=np.float64)
        if by == "elo":  # all votes move one and the same scale
            return predicted_rates(rated)
        return predicted_rates(rated, np.array([self.groups[model] for model in models]))

    def heat(self, kind: Kind, *, by: RankBy = "rating") -> Heat:
        """Return a heat map, models in the order of the table."""
        actual = win_rates(self.made.fit.counts)
        order = [actual.models.index(name) for name in self.rows["model"]]
        grid = np.ix_(order, order)
        values, stands_out = actual.rate[grid], self.calibration.stands_out[grid]
        models = tuple(actual.models[place] for place in order)
        if kind != "actual":
            predicted = self._predicted(models, by)
            values = predicted if kind == "predicted" else values - predicted
        if kind == "predicted":  # a prediction cannot miss itself
            stands_out = np.zeros_like(stands_out)
        return Heat(kind, models, values, actual.count[grid], stands_out)

    def to_dict(self) -> dict[str, Any]:
        """Return the board as `arena leaderboard --format json` prints it."""
        columns = [*ROW_COLUMNS, *(name for name in SHRUNK if name in self.rows)]
        return {
            "source": self.source,
            "votes": self.votes,
            "counted": self.counted,
            "set_aside": dict(self.set_aside),
            "as_of": self.as_of,
            "settings": plain(dict(self.settings)),
            "interval": self.interval,
            "notes": list(self.notes),
            "warning": self.made.warning,
            "doubtful": [pair._asdict() for pair in self.doubts.pairs],
            "calibration": plain(judged(self.calibration, self.held_out)),
            "swayed_by": [plain(vars(each)) for each in self.swayed],
            "rows": [plain(row) for row in self.table[columns].to_dict("records")],
        }
