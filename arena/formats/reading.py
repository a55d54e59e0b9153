"""Votes in: any known format as one data frame, or a refusal that lists the rows at fault.

Neither databases nor ratings are known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from arena.errors import LogError
from arena.formats.columns import COLUMNS, CONVERSATIONS, STANDING, Problem, conform, repeated
from arena.formats.conversations import filled
from arena.formats.families import EMPTY, FAMILIES, LONG, NEEDED, Family
from arena.formats.files import place, read_table

LISTED: Final = 20  # rows that a refusal names

_KNOWN: Final = (
    "model_a, model_b, winner (public sets and our own); model_a, model_b, winner_model_a, "
    "winner_model_b, winner_tie (arena-55k); type, models, states (FastChat's log); "
    "left, right, winner (crowd comparisons)"
)


@dataclass(frozen=True)
class Reading:
    """A file that was read: its votes, the name of its format, and the rows left out."""

    votes: pd.DataFrame
    family: str
    left_out: tuple[Problem, ...]


def read_votes(path: str | Path, *, conversations: bool = True) -> pd.DataFrame:
    """Return the votes of a file in any known format, under the columns of our log.

    Raises
    ------
    ConfigError
        If the file is missing or its ending is unknown.
    LogError
        If the format is unknown or any row is no vote; the message lists the first 20.
    """
    return read_log(path, conversations=conversations).votes


def read_log(path: str | Path, *, conversations: bool = True, skip_bad: bool = False) -> Reading:
    """Return the votes of a file and what was met on the way; `skip_bad` leaves bad rows out.

    Raises
    ------
    ConfigError
        As `read_votes`.
    LogError
        As `read_votes`; with `skip_bad`, only if no row is left or the file cannot be read.
    """
    path = Path(path)
    table = read_table(path, _wanted(conversations=conversations))
    family = family_of(path, table.names)
    log = family.read(table.frame)
    votes, problems = conform(filled(log) if conversations else log)
    problems = sorted([*problems, *repeated(votes["seq"])], key=lambda problem: problem.row)
    if problems:
        if not skip_bad or len({problem.row for problem in problems}) == len(votes):
            raise LogError(refusal(path, problems, len(votes)))
        votes = votes.drop(index=list({problem.row for problem in problems}))
    if votes["seq"].notna().all() and not votes["seq"].is_monotonic_increasing:
        votes = votes.sort_values("seq", kind="stable")  # clocks jump; seq is the order
    if not conversations:
        votes = votes.drop(columns=list(CONVERSATIONS))
    return Reading(votes.reset_index(drop=True), family.name, tuple(problems))


def _wanted(*, conversations: bool) -> frozenset[str]:
    wanted = frozenset({*COLUMNS, *STANDING, *NEEDED})
    return wanted if conversations else wanted - LONG


def family_of(path: Path, columns: Sequence[str]) -> Family:
    """Return the format that columns give away.

    Raises
    ------
    LogError
        If it is none that we know.
    """
    if not columns:  # JSON without an entry
        return EMPTY
    for family in FAMILIES:
        if family.marks <= set(columns):
            return family
    found = ", ".join(name if name.isprintable() else repr(name) for name in columns) or "none"
    raise LogError(
        f"{path}: the columns fit no vote log that we know; needed are {_KNOWN}; found: {found}."
    )


def refusal(path: Path, problems: Sequence[Problem], rows: int) -> str:
    """Return why nothing was read of a file, with the first rows at fault."""
    bad = len({problem.row for problem in problems})
    first = [f"{place(path, problem.row)}: {problem.says}" for problem in problems[:LISTED]]
    way_out = "Mend the file, or take these rows out of it."
    if len(problems) == 1:
        return f"{path}: {first[0]}, so nothing was read. {way_out}"
    more = f"\n  and {len(problems) - LISTED} more" if len(problems) > LISTED else ""
    listed = "\n  ".join(first)
    return (
        f"{path}: {bad:,} of {rows:,} rows are no votes, so nothing was read. {way_out}"
        f"\n  {listed}{more}"
    )
