"""A board: what votes say about models, with how many were stored, counted and set aside.

It chooses the votes that count together (people's, blind, of one study, aspect or language) and
hands them to `ratings`; nothing is stored, so any table can be made again from the log. How a
board is printed or drawn is not known here.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from arena.chance import Miss, miss_of
from arena.errors import ConfigError, LogError
from arena.votelog import VoteLog, read_source
from ratings.agreement import Agreement, agreement
from ratings.counts import PairCounts
from ratings.leaderboard import Leaderboard, leaderboard
from ratings.ranks import told_apart
from ratings.votes import Votes
from ratings.winrate import predicted_rates, win_rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

RankBy = Literal["rating", "elo"]
Kind = Literal["actual", "predicted", "residual"]
KINDS: Final[tuple[Kind, ...]] = ("actual", "predicted", "residual")
LIVE: Final = ""  # the study of battles that belong to none

ROW_COLUMNS: Final = (
    *("rank", "rank_low", "rank_high", "model", "rating", "lower", "upper"),
    *("lower_these", "upper_these", "votes", "wins", "losses", "ties", "both_bad"),
    *("win_rate", "failure_rate", "elo", "elo_mean", "elo_low", "elo_high"),
)
_WHOLE: Final = frozenset(
    {"rank", "rank_low", "rank_high", "votes", "wins", "losses", "ties", "both_bad"}
)
# Votes of these kinds count only where no person voted, and then the board says whose they are.
_OTHERS: Final = {"simulated": "by simulated raters", "model": "by model judges"}


@dataclass(frozen=True)
class Choice:
    """Which votes a board is about; None leaves the choice open, an empty study is live battles."""

    study: str | None = None
    aspect: str | None = None
    language: str | None = None

    def of(self, log: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `log` that the choice is about."""
        keep = pd.Series(data=True, index=log.index)
        if self.study is not None:
            keep &= log["study"].fillna(LIVE) == self.study
        for name in ("aspect", "language"):
            value = getattr(self, name)
            if value is not None:
                keep &= (log[name] == value).fillna(value=False).astype(bool)
        return log[keep]

    def named(self) -> dict[str, str]:
        """Return the choices that were made."""
        chosen = {"study": self.study, "aspect": self.aspect, "language": self.language}
        return {name: value for name, value in chosen.items() if value is not None}


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
        rated = self.rows.set_index("model")[self.settings["rank_by"]]
        rated = rated.reindex(list(counts.models))
        return miss_of(counts, predicted_rates(rated.to_numpy(dtype=np.float64)))

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
        if kind != "actual":
            predicted = predicted_rates(self.rows[by].to_numpy(dtype=np.float64))
            values = predicted if kind == "predicted" else values - predicted
        models = tuple(actual.models[place] for place in order)
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


def plain(value: Any) -> Any:  # noqa: ANN401  # anything that JSON can say
    """Return a value as JSON has it: null for what is not a number, Python's own numbers."""
    if isinstance(value, dict):
        return {str(name): _whole(str(name), plain(entry)) for name, entry in value.items()}
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _whole(name: str, value: Any) -> Any:  # noqa: ANN401  # a number or anything else
    return int(value) if name in _WHOLE and isinstance(value, float) else value


def board_of(
    source: str | Path | VoteLog,
    *,
    choice: Choice | None = None,
    rank_by: RankBy = "rating",
    orders: int | None = None,
    seed: int = 0,
) -> Board:
    """Return the board of a source; 0 orders leave out the band of Elo.

    Raises
    ------
    ArenaError
        If the source cannot be read, or nothing in it fits the choice.
    """
    log = source if isinstance(source, VoteLog) else read_source(source)
    choice = choice or Choice()
    votes, aside = choice.of(log.votes), choice.of(log.aside)
    counting, raters, set_aside = _counting(votes)
    reasons = aside["set_aside"].value_counts(sort=False)
    set_aside = {**{str(reason): int(n) for reason, n in reasons.items()}, **set_aside}
    if not len(counting):
        raise LogError(_nothing(log, choice, set_aside))
    made = leaderboard(Votes.from_frame(counting), rank_by=rank_by, orders=orders, seed=seed)
    rows = made.rows.assign(failure_rate=_failure_rates(made.rows["model"], log, choice, counting))
    notes = [*made.notes]
    if raters != "human":
        notes.insert(0, f"Every vote here was cast {_OTHERS[raters]}; no person judged anything.")
    return Board(
        source=log.source,
        votes=len(votes) + len(aside),
        set_aside=set_aside,
        rows=rows,
        settings={**made.settings, **choice.named(), "raters": raters},
        interval=made.interval,
        notes=tuple(notes),
        warning=made.warning,
        log=counting,
        raters=raters,
        doubtful=_doubtful(made, rank_by),
    )


def _doubtful(made: Leaderboard, rank_by: RankBy) -> tuple[tuple[str, str], ...]:
    """Return the neighbours in the table that the votes, or for Elo their order, cannot part."""
    rows = made.rows
    if rank_by == "rating":
        place = {model: code for code, model in enumerate(made.fit.models)}
        codes = [place[model] for model in rows["model"]]
        apart = told_apart(made.fit.ratings, made.uncertainty, made.settings["level"])
        apart |= ~made.fit.groups.together  # no comparison, no doubt
        doubt = [not apart[upper, lower] for upper, lower in pairwise(codes)]
    else:
        doubt = [*(rows["rank_low"].shift(-1) <= rows["rank"])][:-1]
    pairs = pairwise(rows["model"])
    return tuple(pair for pair, doubtful in zip(pairs, doubt, strict=True) if doubtful)


def _counting(votes: pd.DataFrame) -> tuple[pd.DataFrame, str, dict[str, int]]:
    """Return the votes that count together, whose they are, and why the others do not."""
    blind = votes["anony"].fillna(value=True).astype(bool)
    kinds = votes["rater_kind"].fillna("human")
    present = [kind for kind in ("human", *_OTHERS) if (kinds[blind] == kind).any()]
    raters = present[0] if present else "human"
    left_out = {_OTHERS[kind]: int((blind & (kinds == kind)).sum()) for kind in present[1:]}
    if not blind.all():
        left_out["with the names shown"] = int((~blind).sum())
    return votes[blind & (kinds == raters)].reset_index(drop=True), raters, left_out


def _nothing(log: VoteLog, choice: Choice, set_aside: dict[str, int]) -> str:
    chosen = ", ".join(f"{name} {value or 'none'!r}" for name, value in choice.named().items())
    where = f" with {chosen}" if chosen else ""
    if set_aside:
        return (
            f"{log.source}: no vote{where} counts; all {sum(set_aside.values()):,} are set aside."
        )
    if len(log.votes):
        return f"{log.source}: there is no vote{where}; choose something the log has."
    return f"{log.source}: there is no vote yet; vote on a battle first, or name another source."


def _failure_rates(
    models: "pd.Series[str]", log: VoteLog, choice: Choice, counting: pd.DataFrame
) -> "pd.Series[float]":
    """Return how often each model failed: as the database counts it, else as far as voted on."""
    if log.failures and not choice.named():
        shares = {model: failed / shown for model, (failed, shown) in log.failures.items() if shown}
        return models.map(shares).astype("float64")
    seats = []
    for seat in ("a", "b"):
        part = counting[["item_id", f"model_{seat}", f"finish_reason_{seat}", f"length_{seat}"]]
        seats.append(part.set_axis(["item", "model", "finish", "length"], axis=1))
    shown = pd.concat(seats, ignore_index=True)
    shown = shown[shown["finish"].notna() | shown["length"].notna()]
    named = shown["item"].notna()
    shown = pd.concat([shown[named].drop_duplicates(["item", "model"]), shown[~named]])
    failed = (shown["finish"] == "length").fillna(value=False).astype(bool)
    failed |= (shown["length"] == 0).fillna(value=False).astype(bool)
    return models.map(failed.groupby(shown["model"]).mean()).astype("float64")


def boards_by(
    source: str | Path, *, by: str, choice: Choice | None = None, rank_by: RankBy = "rating"
) -> dict[str, Board]:
    """Return one board for each aspect or language of a source, in alphabetical order.

    Raises
    ------
    ArenaError
        As `board_of`; `ConfigError` if `by` is something else, or the log does not name it.
    """
    if by not in ("aspect", "language"):
        raise ConfigError(f"--by {by}: a board can be split by aspect or by language.")
    log = read_source(source)
    choice = choice or Choice()
    found = sorted(choice.of(log.votes)[by].dropna().unique())
    if not found:
        raise ConfigError(f"--by {by}: {log.source} names no {by}; leave the option out.")
    return dict(_split(log, by, found, choice, rank_by))


def _split(
    log: VoteLog, by: str, found: list[str], choice: Choice, rank_by: RankBy
) -> Iterator[tuple[str, Board]]:
    for value in found:
        part = Choice(**{**vars(choice), by: value})
        yield value, board_of(log, choice=part, rank_by=rank_by)
