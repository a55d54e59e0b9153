"""Carries a stream from the thread that receives it into the event loop that reads it.

Knows text and endings, and nothing of where they come from.
"""

import asyncio
import contextlib

from serving.engine import Terminal


class Inbox:
    """What came of one stream, in the event loop that reads it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._texts: list[str] = []
        self._end: Terminal | None = None
        self._ready = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether the end has come."""
        return self._end is not None

    def put(self, text: str, end: Terminal | None) -> None:
        """Hand something over, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self._loop.call_soon_threadsafe(self._put, text, end)

    def _put(self, text: str, end: Terminal | None) -> None:
        self._texts.append(text)
        self._end = self._end or end
        self._ready.set()

    async def next(self) -> tuple[str, Terminal | None]:
        """Wait for something, and return all text that came and how the stream ended if it did."""
        await self._ready.wait()
        self._ready.clear()
        text = "".join(self._texts)
        self._texts.clear()
        return text, self._end
