"""Keeps the live boards: counted off the event loop, and never waited for once there is a first.

A page looks for new votes and shows them. What takes every vote is made in the background, one job
at a time and not more often than it takes, so that a crowd before the leaderboard cannot slow down
a battle. How a board looks is not known here.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from arena.board import Board, Choice, RankBy, board_of
from arena.board.live import LiveBoards, Settled
from arena.shipped import shipped

FIRST_S: Final = 3.0  # how long a page waits for the first board
NEXT_S: Final = 0.5  # and how long for the newest votes, once there is one
PATIENCE: Final = 1  # what takes every vote rests for so many times as long as it took

_Key = tuple[str | None, str | None, RankBy]
_Chosen = tuple[Settled, Board | None]


class Boards:
    """The live boards of one database."""

    def __init__(self, place: str | Path) -> None:
        self._place = place
        self._live: LiveBoards | None = None
        self._following: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._rests_until = 0.0
        self._chosen: dict[_Key, _Chosen] = {}
        self._choosing: dict[_Key, asyncio.Task[None]] = {}

    async def votes(self) -> LiveBoards | None:
        """Return the boards of the newest votes; None while they are counted for the first time.

        Raises
        ------
        ArenaError
            If the votes cannot be read.
        """
        ready = self._live is not None and self._live.ready
        if self._following is None or self._following.done():
            self._following = _started(self._follow)
        await asyncio.wait({self._following}, timeout=NEXT_S if ready else FIRST_S)
        if self._following.done():
            self._following.result()
        if self._live is None or not self._live.ready:
            return None
        self._settle_if_due(self._live)
        return self._live

    def _follow(self) -> None:
        if self._live is None:
            self._live = LiveBoards(self._place)
        self._live.follow()
        if not self._live.ready:
            self._live.settle()

    def _settle_if_due(self, live: LiveBoards) -> None:
        busy = self._settling is not None and not self._settling.done()
        if live.settled or busy or time.monotonic() < self._rests_until:
            return

        def settle() -> None:
            began = time.monotonic()
            live.settle()
            self._rests_until = time.monotonic() + PATIENCE * (time.monotonic() - began)

        self._settling = _started(settle)

    async def board(self, live: LiveBoards, choice: Choice, rank_by: RankBy) -> Board | None:
        """Return the board of a choice; None where nothing is settled that counts in it."""
        if choice.aspect is None and choice.language is None:
            return await asyncio.to_thread(live.board, rank_by)
        key = choice.aspect, choice.language, rank_by
        if key not in self._chosen or self._chosen[key][0] is not live.last_settled:
            choosing = self._choosing.get(key)
            if choosing is None or choosing.done():
                choosing = self._choosing[key] = _started(lambda: self._choose(live, choice, key))
            if key not in self._chosen:
                await asyncio.shield(choosing)
        settled, board = self._chosen[key]
        if board is None:
            return None
        return replace(board, behind="everything" if live.outdates(settled) else None)

    def _choose(self, live: LiveBoards, choice: Choice, key: _Key) -> None:
        if (settled := live.last_settled) is not None:
            self._chosen[key] = settled, live.chosen(choice, key[2])


def _started(work: Callable[[], None]) -> "asyncio.Task[None]":
    """Start some work on a thread; whoever comes later hears what went wrong, or tries again."""
    task = asyncio.create_task(asyncio.to_thread(work))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


@cache
def example_board() -> Board:
    """Return a board of simulated votes on invented models, to show what will be."""
    board = board_of(shipped("votes/simulated.csv"))
    # computed here, and not on the event loop
    _ = board.agreement, board.calibration, board.held_out, board.swayed, board.table
    return board
