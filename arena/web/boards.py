"""Keeps the live board: computed off the event loop, once for each change of the votes.

The votes are read again when the database has changed, and not more often than they take to
count, so that a crowd before the leaderboard cannot slow down a battle. How a board looks is not
known here.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from arena.board import LIVE, Board, Choice, RankBy, board_of
from arena.database import database_path
from arena.errors import LogError
from arena.shipped import shipped
from arena.votelog import VoteLog, read_source

PATIENCE: Final = 1  # a board is kept for so many times as long as it took to make
_Key = tuple[str | None, str | None, RankBy]


@dataclass(frozen=True)
class Kept:
    """A state of the votes and the boards made of it so far."""

    state: tuple[int, ...]
    log: VoteLog
    aspects: tuple[str, ...]
    languages: tuple[str, ...]
    boards: dict[_Key, Board | None]
    stale_at: float


class Boards:
    """The live boards of one database."""

    def __init__(self, place: str | Path) -> None:
        self._path = database_path(place)
        self._kept: Kept | None = None
        self._lock = asyncio.Lock()

    async def votes(self) -> Kept:
        """Return the votes as they are now, or as they were a moment ago."""
        async with self._lock:
            kept = self._kept
            fresh = kept is not None and time.monotonic() < kept.stale_at
            if kept is None or (not fresh and kept.state != self._state()):
                kept = self._kept = await asyncio.to_thread(self._read)
            return kept

    async def board(self, kept: Kept, choice: Choice, rank_by: RankBy) -> Board | None:
        """Return the board of a choice; None where nobody has voted on it."""
        key = (choice.aspect, choice.language, rank_by)
        async with self._lock:
            if key not in kept.boards:
                kept.boards[key] = await asyncio.to_thread(_made, kept.log, choice, rank_by)
            return kept.boards[key]

    def _state(self) -> tuple[int, ...]:
        """Return what changes with every write: size and time of the file and its log."""
        state: list[int] = []
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            state += [found.st_mtime_ns, found.st_size]
        return tuple(state)

    def _read(self) -> Kept:
        state, began = self._state(), time.monotonic()
        log = read_source(self._path)
        live = Choice(study=LIVE).of(log.votes)
        aspects, languages = (
            tuple(sorted(str(value) for value in live[name].dropna().unique() if value))
            for name in ("aspect", "language")
        )
        boards: dict[_Key, Board | None] = {}
        boards[None, None, "rating"] = _made(log, Choice(study=LIVE), "rating")
        took = time.monotonic() - began
        return Kept(state, log, aspects, languages, boards, began + (1 + PATIENCE) * took)


def _made(log: VoteLog, choice: Choice, rank_by: RankBy) -> Board | None:
    try:
        board = board_of(log, choice=choice, rank_by=rank_by)
    except LogError:  # nothing counts
        return None
    # computed here, and not on the event loop
    _ = board.agreement, board.calibration, board.held_out, board.swayed, board.table
    return board


@cache
def example_board() -> Board:
    """Return a board of simulated votes on invented models, to show what will be."""
    board = _made(read_source(shipped("votes/simulated.csv")), Choice(), "rating")
    if board is None:
        raise LogError("votes/simulated.csv holds no vote; install Evenhand again.")
    return board
