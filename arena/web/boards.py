"""Keeps the live boards: counted off the event loop, and never waited for once there is a first.

A page looks for new votes and shows them. What takes every vote is made in the background, so that
a crowd before the leaderboard cannot slow down a battle. How a board looks is not known here.
"""

import asyncio
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from arena.board import Board, Choice, RankBy, board_of
from arena.board.live import EVERYTHING, LiveBoards, Settled
from arena.shipped import shipped
from arena.web.background import Work

FIRST_S: Final = 3.0  # how long a page waits for the first board
NEXT_S: Final = 0.5  # and how long for the newest votes, once there is one

_Key = tuple[str | None, str | None, RankBy]
_Chosen = tuple[Settled, Board | None]


class Boards:
    """The live boards of one database."""

    def __init__(self, place: str | Path) -> None:
        self._place = place
        self._live: LiveBoards | None = None
        self._following: asyncio.Task[None] | None = None
        self._settling = Work("Counting every vote for the leaderboard", self._settle)
        self._chosen: dict[_Key, _Chosen] = {}
        self._choosing: dict[_Key, Work] = {}

    async def votes(self) -> LiveBoards | None:
        """Return the boards of the newest votes; None while they are counted for the first time.

        Raises
        ------
        ArenaError
            If the votes cannot be read.
        """
        ready = self._live is not None and self._live.ready
        ends = time.monotonic() + (NEXT_S if ready else FIRST_S)
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(asyncio.to_thread(self._follow))
            self._following.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({self._following}, timeout=ends - time.monotonic())
        if self._following.done():
            self._following.result()
        elif not ready:
            return None
        if self._live is None:
            return None
        if not self._live.settled:
            settling = self._settling.start()
            if not self._live.ready and settling is not None:
                await asyncio.wait({settling}, timeout=max(ends - time.monotonic(), 0.0))
        return self._live if self._live.ready else None

    def _follow(self) -> None:
        if self._live is None:
            self._live = LiveBoards(self._place)
        self._live.follow()

    def _settle(self) -> None:
        if self._live is not None:
            self._live.settle()

    async def board(self, live: LiveBoards, choice: Choice, rank_by: RankBy) -> Board | None:
        """Return the board of a choice; None where nothing is made yet that counts in it."""
        if choice.aspect is None and choice.language is None:
            return await asyncio.to_thread(live.board, rank_by)
        key = _key(choice, rank_by)
        if key not in self._chosen or self._chosen[key][0] is not live.last_settled:
            choosing = self._choosing.get(key)
            if choosing is None:
                name = f"The leaderboard of {choice.aspect or 'all aspects'}"
                choosing = self._choosing[key] = Work(name, lambda: self._choose(live, choice, key))
            making = choosing.start()
            if key not in self._chosen and making is not None:
                await asyncio.wait({making})
        settled, board = self._chosen.get(key, (None, None))
        if settled is None or board is None:
            return None
        return replace(board, behind="everything" if live.outdates(settled) else None)

    def failing(self, choice: Choice = EVERYTHING, rank_by: RankBy = "rating") -> bool:
        """Tell whether a board lacks votes because making it failed; the log says why."""
        choosing = self._choosing.get(_key(choice, rank_by))
        return self._settling.failing or (choosing is not None and choosing.failing)

    def _choose(self, live: LiveBoards, choice: Choice, key: _Key) -> None:
        if (settled := live.last_settled) is not None:
            self._chosen[key] = settled, live.chosen(choice, key[2])


def _key(choice: Choice, rank_by: RankBy) -> _Key:
    return choice.aspect, choice.language, rank_by


@cache
def example_board() -> Board:
    """Return a board of simulated votes on invented models, to show what will be."""
    board = board_of(shipped("votes/simulated.csv"))
    # computed here, and not on the event loop
    _ = board.agreement, board.calibration, board.held_out, board.swayed, board.table
    return board
