"""Times one response: its deadline, its first token, its whole.

The clock is the event loop's, so that a test with a loop of its own needs no real seconds.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal, TypeVar

from serving.engine import Done, Failed, FailureKind

Item = TypeVar("Item")


class Watch:
    """Started when made."""

    def __init__(self, deadline_s: float | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._end = None if deadline_s is None else self._start + deadline_s
        self._first: float | None = None
        self._whole: float | None = None

    @property
    def now(self) -> float:
        """The time on the loop's clock."""
        return self._loop.time()

    @property
    def start(self) -> float:
        """When it was started."""
        return self._start

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._loop.time() - self._start

    async def next(
        self, stream: AsyncIterator[Item], *, first_s: float | None = None
    ) -> Item | None:
        """Return the next item, or None at the end of the stream.

        Raises
        ------
        TimeoutError
            At the deadline, or ``first_s`` seconds after the start without a first token.
        """
        ends = [self._end]
        if self._first is None and first_s is not None:
            ends.append(self._start + first_s)
        when = min((end for end in ends if end is not None), default=None)
        async with asyncio.timeout_at(when):
            return await anext(stream, None)

    def mark(self) -> None:
        """Note that a token came; the first one counts."""
        if self._first is None:
            self._first = self.seconds

    def whole(self, grace_s: float) -> None:
        """Note that all text has come: what may follow is waited for a moment, and not its time."""
        if self._whole is None:
            self._whole = self.seconds
            latest = self.now + grace_s
            self._end = latest if self._end is None else min(self._end, latest)

    def done(self, reason: Literal["stop", "length"], tokens: int) -> Done:
        """Return the end of a whole response."""
        seconds = self.seconds if self._whole is None else self._whole
        return Done(reason, tokens, seconds, self._first if tokens else None)

    def failed(self, kind: FailureKind, cause: str, tokens: int = 0) -> Failed:
        """Return the end of a lost response."""
        return Failed(kind, cause, tokens, self.seconds)
