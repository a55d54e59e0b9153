"""A server that breaks the promise: it says "saved" before the commit.

`benchmarks.kill9` runs against it to show that it would notice. It is the product's own server with
one difference, a store that keeps votes in memory for a moment first, as a buffer would. Nothing of
the product knows of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import arena.running
from arena.__main__ import main
from arena.record.casting import NewVote
from arena.record.store import Store
from arena.record.tables import EndingKind
from ratings.votes import Outcome

LATE: Final = partial(asyncio.sleep, 1.0)  # how long a vote waits in memory


class EarlyStore(Store):
    """Acknowledges first and writes later: when it has waited."""

    def __init__(self, path: Path, wait: Callable[[], Awaitable[object]] = LATE) -> None:
        super().__init__(path)
        self._wait = wait
        self._late: dict[str, asyncio.Task[None]] = {}

    async def vote(self, vote: NewVote, *, may_correct: bool = False) -> tuple[int, Outcome, bool]:
        """Promise what is not yet true."""
        first = vote.battle_id not in self._late
        if first:
            task = asyncio.create_task(self._write_late(vote, may_correct=may_correct))
            self._late[vote.battle_id] = task
        return 0, vote.outcome, first

    async def _write_late(self, vote: NewVote, *, may_correct: bool) -> None:
        await self._wait()
        await super().vote(vote, may_correct=may_correct)

    async def end_battle(
        self, battle_id: str, kind: EndingKind, cause: str = "", blames: int | None = None
    ) -> None:
        """Leave a battle alone whose vote is still on its way, so that only a kill can lose it."""
        if battle_id not in self._late:
            await super().end_battle(battle_id, kind, cause, blames)


if __name__ == "__main__":
    vars(arena.running)["Store"] = EarlyStore
    main()
