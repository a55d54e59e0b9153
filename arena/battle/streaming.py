"""One turn of one battle while it is being made: two streams, one pace, any number of readers.

The turn belongs to the server, not to a page: a reader may leave and come back, and when nobody
reads for a while the models are set free. What becomes of the responses is decided by
`arena.battle.turns`; names and seats are not known here.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from arena.battle.views import Frame
from serving.duet import Finished, Shown

UNREAD_S: Final = 60.0  # a turn that nobody has looked at for so long is given up


@dataclass(frozen=True)
class Abandoned:
    """Nobody read the turn any more."""


Ending = Finished | Abandoned


class RunningTurn:
    """Runs a duet in a task of its own, keeps its newest frame, and hands over its ending once.

    `on_end` gets the ending before any reader hears of it; `on_over` is called last, with what
    went wrong on our side if something did.
    """

    def __init__(
        self,
        duet: AsyncGenerator[Shown | Finished],
        on_end: Callable[[Ending], Awaitable[None]],
        on_over: Callable[[BaseException | None], None],
        *,
        tick_s: float,
    ) -> None:
        self.frame = Frame()
        self._duet = duet
        self._on_end = on_end
        self._tick_s = tick_s
        self._last_read = time.monotonic()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda task: on_over(_trouble(task)))

    @property
    def over(self) -> bool:
        """Whether the ending was handed over."""
        return self._task.done()

    def look(self) -> Frame:
        """Return the newest frame; whoever asks how things stand is there, as a reader is."""
        self._last_read = time.monotonic()
        return self.frame

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield the newest frame once a tick, also while nothing is new, until the turn is over.

        So whoever follows models that are silent may leave within a tick.
        """
        while not self.over:
            yield self.look()
            await asyncio.wait([self._task], timeout=self._tick_s)
        yield self.frame

    async def wait(self) -> None:
        """Return when the turn is over; whoever waits for that is there, as a reader is."""
        async for _ in self.frames():
            pass

    async def cancel(self) -> None:
        """Stop both streams; the ending is not handed over."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        follow = asyncio.create_task(self._follow())
        try:
            while not follow.done() and not self._unread():
                await asyncio.wait([follow], timeout=self._tick_s)
        finally:
            # Setting the models free needs their streams closed, in this very moment.
            if not follow.done():
                follow.cancel()
                await asyncio.wait([follow])
        await self._on_end(Abandoned() if follow.cancelled() else follow.result())

    async def _follow(self) -> Finished:
        async with aclosing(self._duet) as duet:
            async for event in duet:
                match event:
                    case Shown(a, b):
                        self.frame = Frame(a, b)
                    case Finished():
                        self.frame = Frame(event.text_a, event.text_b)
                        return event
        raise RuntimeError("A duet ended without saying how.")

    def _unread(self) -> bool:
        return time.monotonic() - self._last_read > UNREAD_S


def _trouble(task: "asyncio.Task[None]") -> BaseException | None:
    return None if task.cancelled() else task.exception()
