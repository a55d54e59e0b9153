"""The gate before one engine's cache: requests enter while there are blocks for them.

In the order they came, so that a long request is not passed for ever. Knows numbers of blocks.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Lets requests in while there are blocks for them, in the order they came."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, need: int) -> AsyncIterator[None]:
        """Wait for ``need`` blocks and give them back at the end."""
        if self._waiting or self._free < need:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((need, turn))
            try:
                await turn
            except asyncio.CancelledError:
                entered = turn.done() and not turn.cancelled()
                self._give(need if entered else 0)  # who came next may fit where it did not
                raise
        else:
            self._free -= need
        try:
            yield
        finally:
            self._give(need)

    def _give(self, blocks: int) -> None:
        self._free += blocks
        while self._waiting:
            need, turn = self._waiting[0]
            if turn.done():  # its reader left
                self._waiting.popleft()
            elif need <= self._free:
                self._waiting.popleft()
                self._free -= need
                turn.set_result(None)
            else:
                return
