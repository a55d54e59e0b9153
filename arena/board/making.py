"""Makes boards: chooses the votes that count and hands them to `ratings`.

Nothing is stored, so any table can be made again from the log. How a board is printed or drawn is
not known here.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from arena.board.choice import OTHERS, Choice, counting
from arena.board.rows import perhaps_missing, sure_only, unrated_by_elo
from arena.board.shrinking import with_shrunk
from arena.board.table import Behind, Board
from arena.board.tally import Tally, counted, present
from arena.board.whole import Whole
from arena.errors import ConfigError
from arena.votelog import VoteLog, load_votes, read_for_boards
from ratings.live import LiveBoard
from ratings.rows import RankBy


def board_of(
    source: str | Path | VoteLog,
    *,
    choice: Choice | None = None,
    rank_by: RankBy = "rating",
    orders: int | None = None,
) -> Board:
    """Return the board of a source; 0 orders leave out the band of Elo.

    Raises
    ------
    ArenaError
        If the source cannot be read, or nothing in it fits the choice.
    """
    log = source if isinstance(source, VoteLog) else read_for_boards(source)
    tally, votes, doublings = counted(log, choice or Choice())
    del log  # its codes take as much memory as the votes
    whole = Whole(votes, doublings, orders)
    return board_from(tally, whole.live, whole, rank_by)[0]


def board_from(
    tally: Tally,
    live: LiveBoard,
    whole: Whole,
    rank_by: RankBy,
    behind: Behind | None = None,
) -> tuple[Board, LiveBoard]:
    """Return the board of some votes, and what the next one after a further vote starts from.

    `whole` may be of the same votes or of those a moment ago; `behind` says which.
    """
    if whole.votes.models == live.counts.models:
        made, live = whole.table(live, rank_by)
    else:  # of a model that is new
        made, live = live.leaderboard(rank_by=rank_by)
    rows, unsure = sure_only(unrated_by_elo(made.rows))
    rows = rows.assign(failure_rate=rows["model"].map(dict(tally.failures)).astype("float64"))
    notes = [*made.notes, *unsure, *perhaps_missing(rows)]
    if tally.raters != "human":
        said = f"Every vote here was cast {OTHERS[tally.raters]}; no person judged anything."
        notes.insert(0, said)
    board = Board(
        source=tally.source,
        votes=tally.stored,
        set_aside=tally.set_aside,
        rows=rows,
        settings={**made.settings, **tally.choice.named(), "raters": tally.raters},
        notes=tuple(notes),
        counted=tally.counted,
        raters=tally.raters,
        judges=len(tally.judges),
        quantizations=tally.quantizations,
        made=made,
        whole=whole,
        behind=behind,
    )
    return board, live


def counted_votes(source: str | Path, choice: Choice) -> pd.DataFrame:
    """Return the votes that a board of a choice counts, under the columns of the vote log.

    Raises
    ------
    ArenaError
        If the source cannot be read.
    """
    return counting(choice.of(load_votes(source)))[0]


def boards_by(
    source: str | Path, *, by: str, choice: Choice | None = None, rank_by: RankBy = "rating"
) -> dict[str, Board]:
    """Return one board for each aspect or language of a source, in alphabetical order.

    Those of several aspects have shrunken ratings too (`arena.board.shrinking`).

    Raises
    ------
    ArenaError
        As `board_of`; `ConfigError` if `by` is something else, or the log does not name it.
    """
    if by not in ("aspect", "language"):
        raise ConfigError(f"--by {by}: a board can be split by aspect or by language.")
    log = read_for_boards(source)
    choice = choice or Choice()
    votes = choice.of(log.votes)
    blind = votes[votes["anony"].to_numpy(dtype=bool)]  # the others count in no board
    found = sorted(present(blind[by])) or sorted(present(votes[by]))
    if not found:
        raise ConfigError(f"--by {by}: {log.source} names no {by}; leave the option out.")
    boards = dict(_split(log, by, found, choice, rank_by))
    return with_shrunk(boards, counted(log, choice)[1]) if by == "aspect" else boards


def _split(
    log: VoteLog, by: str, found: list[str], choice: Choice, rank_by: RankBy
) -> Iterator[tuple[str, Board]]:
    for value in found:
        part = Choice(**{**vars(choice), by: value})
        yield value, board_of(log, choice=part, rank_by=rank_by)
