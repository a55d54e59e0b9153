"""Makes boards: chooses the votes that count and hands them to `ratings`.

Nothing is stored, so any table can be made again from the log. How a board is printed or drawn is
not known here.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from arena.board.choice import OTHERS, Choice, counting
from arena.board.rows import sure_only, unrated_by_elo
from arena.board.table import Board, RankBy
from arena.errors import ConfigError, LogError
from arena.votelog import VoteLog, read_source
from ratings.leaderboard import leaderboard
from ratings.votes import Votes


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
    counted, raters, set_aside = counting(votes)
    reasons = aside["set_aside"].value_counts(sort=False)
    set_aside = {**{str(reason): int(n) for reason, n in reasons.items()}, **set_aside}
    if not len(counted):
        raise LogError(_nothing(log, choice, set_aside))
    made = leaderboard(Votes.from_frame(counted), rank_by=rank_by, orders=orders, seed=seed)
    rows, unsure = sure_only(unrated_by_elo(made.rows))
    rows = rows.assign(failure_rate=_failure_rates(rows["model"], log, choice, counted))
    notes = [*made.notes, *unsure]
    if raters != "human":
        notes.insert(0, f"Every vote here was cast {OTHERS[raters]}; no person judged anything.")
    return Board(
        source=log.source,
        votes=len(votes) + len(aside),
        set_aside=set_aside,
        rows=rows,
        settings={**made.settings, **choice.named(), "raters": raters},
        notes=tuple(notes),
        log=counted,
        raters=raters,
        made=made,
    )


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
    models: "pd.Series[str]", log: VoteLog, choice: Choice, counted: pd.DataFrame
) -> "pd.Series[float]":
    """Return how often each model failed: as the database counts it, else as far as voted on."""
    if log.failures and not choice.named():
        shares = {model: failed / shown for model, (failed, shown) in log.failures.items() if shown}
        return models.map(shares).astype("float64")
    seats = []
    for seat in ("a", "b"):
        part = counted[["item_id", f"model_{seat}", f"finish_reason_{seat}", f"length_{seat}"]]
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
