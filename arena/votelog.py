"""The vote log: votes out of any source, and out into any file.

A source is a database (a file or its URL) or a vote log in any format of `arena.formats`. Rows that
do not count stay beside those that do, each with its reason, so that every table can say how many
votes are stored, how many count, and why the rest does not. Ratings are not known here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from arena.errors import ConfigError
from arena.record.sqlite_file import is_sqlite

if TYPE_CHECKING:
    import pandas as pd

    from arena.record.logtail import Cast, Failures, Tail

DATABASE_ENDINGS: Final = (".db", ".sqlite", ".sqlite3")
OWN_FORMATS: Final = ("evenhand", "flat")  # no public one says whether raters are people,
SHOWN_UNSAID: Final = ("arena-55k", "arena-140k")  # and these not even who voted blind


@dataclass(frozen=True)
class Exported:
    """How many votes a file got, and how many of them its format makes a person's blind ones.

    Those are counted by the kind of their rater, or as `shown`.
    """

    votes: int
    unsaid: dict[str, int]


@dataclass(frozen=True, eq=False)
class VoteLog:
    """What a source holds: votes in force, votes that do not count, and failures where known.

    `aside` has the columns of `votes` and `set_aside`, the reason. `failures` counts the responses
    that a model failed to give and all of its that were voted on, where a source knows of them.
    """

    source: str
    votes: "pd.DataFrame"
    aside: "pd.DataFrame"
    failures: "Failures" = field(default_factory=dict)


def load_votes(source: str | Path, conversations: bool = False) -> "pd.DataFrame":  # noqa: FBT001, FBT002  # the public face has it so
    """Return the votes in force of any source, under the columns of the vote log.

    Raises
    ------
    ArenaError
        If the source is missing, or is neither a database nor a vote log that we know.
    """
    return read_source(source, conversations=conversations).votes


def read_source(source: str | Path, *, conversations: bool = False) -> VoteLog:
    """Return everything a source says about votes.

    Raises
    ------
    ArenaError
        As `load_votes`.
    """
    if is_database(source):
        return _from_database(source, conversations=conversations)
    return _from_file(Path(source), conversations=conversations)


def read_for_boards(source: str | Path) -> VoteLog:
    """Return what a board needs of a source: few columns, as `arena.formats.coded` has them.

    Raises
    ------
    ArenaError
        As `load_votes`.
    """
    tail = followed(source)
    tail.look()
    return VoteLog(str(source), *tail.votes(), tail.failures)


def followed(source: str | Path) -> "Tail | Reread":
    """Return what follows the votes of a source; nothing is read yet.

    Raises
    ------
    ArenaError
        If there is no such database.
    """
    if is_database(source):
        from arena.record.logtail import Tail  # noqa: PLC0415  # a file needs no SQL

        return Tail(source)
    return Reread(Path(source))


class Reread:
    """The votes of a file, read again whenever it has changed: the `Tail` of files."""

    gone = False  # another file in its place is one that has changed

    def __init__(self, path: Path) -> None:
        self.seen: tuple[int, ...] = ()
        self.failures: Failures = {}
        self._path = path
        self._log: pd.DataFrame | None = None

    def look(self) -> "list[Cast] | None":
        """Read the file if it has changed, and return None then.

        Raises
        ------
        ArenaError
            If the file is missing, or no vote log that we know.
        """
        from arena.formats.coded import read_coded  # noqa: PLC0415  # pandas takes its time

        found = self._path.stat() if self._path.is_file() else None
        state = () if found is None else (found.st_mtime_ns, found.st_size)
        if self._log is not None and state == self.seen:
            return []
        self._log, self.seen = read_coded(self._path), state
        return None

    def votes(self) -> "tuple[pd.DataFrame, pd.DataFrame]":
        """Return the votes in force and those that do not count, with why in `set_aside`."""
        if self._log is None:
            self.look()
        log = cast("pd.DataFrame", self._log)
        counts = log["in_force"].to_numpy()
        if counts.all():
            return log, log.iloc[:0]
        aside = log[~counts]
        reasons = aside["set_aside"].astype("str").fillna("no reason given")
        return log[counts], aside.assign(set_aside=reasons)


def is_database(source: str | Path) -> bool:
    """Return whether a source is a database: by its URL, its ending, or what SQLite says of it.

    A file with such an ending is a database for whoever names it, also if it is damaged.
    """
    path = Path(source)
    if "://" in str(source) or path.suffix.lower() in DATABASE_ENDINGS:
        return True
    return path.is_file() and is_sqlite(path)


def _from_database(source: str | Path, *, conversations: bool) -> VoteLog:
    from arena.record.logquery import left_out, read_log  # noqa: PLC0415  # a file needs no SQL

    votes = read_log(source, conversations=conversations)
    aside = votes.iloc[:0].assign(set_aside="")
    if reasons := left_out(source):
        every = read_log(source, conversations=conversations, in_force=False)
        # a vote may have been corrected since the others were read
        aside = every[every["seq"].isin(reasons.keys() - set(votes["seq"]))].reset_index(drop=True)
        aside = aside.assign(set_aside=aside["seq"].map(reasons))
    return VoteLog(str(source), votes, aside)


def _from_file(path: Path, *, conversations: bool) -> VoteLog:
    from arena.formats import read_votes  # noqa: PLC0415  # pandas takes its time

    log = read_votes(path, conversations=conversations)
    if "in_force" not in log:
        return VoteLog(str(path), log, log.iloc[:0].assign(set_aside=""))
    counts = log["in_force"].fillna(value=True).astype(bool)
    aside = log[~counts].drop(columns="in_force").reset_index(drop=True)
    aside = aside.assign(set_aside=aside["set_aside"].fillna("no reason given"))
    votes = log[counts].drop(columns=["in_force", "set_aside"], errors="ignore")
    return VoteLog(str(path), votes.reset_index(drop=True), aside)


def every_vote(source: str | Path) -> "pd.DataFrame":
    """Return all votes with two more columns: `in_force`, and in `set_aside` why a vote is not.

    Raises
    ------
    ArenaError
        As `load_votes`.
    """
    import pandas as pd  # noqa: PLC0415  # takes its time

    log = read_source(source, conversations=True)
    both = [log.votes.assign(in_force=True, set_aside=None), log.aside.assign(in_force=False)]
    every = pd.concat([part for part in both if len(part)] or both[:1], ignore_index=True)
    return every.sort_values("seq", kind="stable").reset_index(drop=True)


def export_votes(
    source: str | Path,
    destination: str | Path,
    *,
    export: str = "evenhand",
    every: bool = False,
    excel: bool = False,
    public: bool = False,
) -> Exported:
    """Write a source's votes into a file and return how many, and what the format cannot say.

    Raises
    ------
    ArenaError
        If the source cannot be read, the format is unknown, or the file cannot be written or is
        the source itself.
    """
    from arena.formats import write_votes  # noqa: PLC0415  # pandas takes its time
    from arena.formats.masking import masked  # noqa: PLC0415
    from arena.formats.outputs import check_is_another  # noqa: PLC0415

    if every and export not in OWN_FORMATS:
        raise ConfigError(
            f"--all with --format {export}: that format cannot say which votes count; "
            "leave out one of the two."
        )
    check_is_another(Path(destination), source)
    log = every_vote(source) if every else load_votes(source, conversations=True)
    write_votes(masked(log) if public else log, destination, export=export, excel=excel)
    return Exported(len(log), {} if export in OWN_FORMATS else _unsaid(log, export))


def _unsaid(log: "pd.DataFrame", export: str) -> dict[str, int]:
    found = log["rater_kind"].value_counts().drop("human", errors="ignore").to_dict()
    if export in SHOWN_UNSAID:
        found["shown"] = int((~log["anony"].fillna(value=True).astype(bool)).sum())
    return {str(what): number for what, number in found.items() if number}


def listed(counts: dict[str, int]) -> str:
    """Return counts by reason as words: `3 withdrawn by the rater, 1 with the names shown`."""
    parts = [f"{number:,} {reason}" for reason, number in counts.items()]
    return ", ".join(parts)
