"""The bytes of a streamed response on their way to the client that makes chunks of them.

The client keeps whatever may still become a chunk. A server that never ends a line, or sends
comments for ever, would fill the memory, so what comes between two chunks is counted here. And as
one piece follows the other without a pause where a server is quick, others have a turn after each.
What a chunk is, the client knows, but for events that hold none.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from openai import AsyncStream

from serving.engine import EngineError, FailureKind

MOST_BYTES: Final = 1 << 20  # between two chunks; responses that come in one are shorter
# Bytes of a piece: each may be a line, and the client reads all lines of a piece at once.
AT_ONCE: Final = 4096
MOST_LOST: Final = 2000  # bytes that are kept of a response without any chunk
MARK: Final = b"\xef\xbb\xbf"  # of UTF-8; the client would take it for part of the first line


class BrokenOffError(EngineError):
    """The connection was lost amid a response."""


class Events(AsyncStream[object]):
    """The chunks of a response.

    The client takes an event without data for a chunk that is no JSON; to the standard it is none,
    and servers send some to keep a connection up.
    """

    async def _iter_events(self) -> AsyncGenerator[Any]:
        async with aclosing(super()._iter_events()) as events:  # type: ignore[type-var]
            async for event in events:
                if event.data.strip():
                    yield event


class Wire:
    """The way of one response."""

    def __init__(self, answer: Any) -> None:  # noqa: ANN401 -- of either transport that the client may have
        self._pieces = answer.aiter_bytes
        self._bytes = 0
        self.lost = b""
        """A little of what came, until a chunk is made."""
        self._heard = False
        self._begun: bytes | None = b""  # None once it is known whether a mark came first
        answer.aiter_bytes = self._counted  # the client has no place for it

    def chunk(self) -> None:
        """Note that a chunk was made."""
        self._bytes, self.lost, self._heard = 0, b"", True

    async def _counted(self) -> AsyncGenerator[bytes]:
        try:
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    for start in range(0, len(piece), AT_ONCE):
                        part = piece[start : start + AT_ONCE]
                        self._count(part)
                        yield self._unmarked(part)
                        await asyncio.sleep(0)
        except EngineError:
            raise
        except Exception as error:  # some versions of the client wrap it, others do not
            cause = f"the connection broke off: {error!r}"
            raise BrokenOffError(FailureKind.BACKEND, cause) from error

    def _unmarked(self, piece: bytes) -> bytes:
        """Return a piece without the mark that a stream may begin with."""
        if self._begun is None:
            return piece
        self._begun += piece
        if len(self._begun) < len(MARK) and MARK.startswith(self._begun):
            return b""
        piece, self._begun = self._begun.removeprefix(MARK), None
        return piece

    def _count(self, piece: bytes) -> None:
        self._bytes += len(piece)
        if not self._heard:
            self.lost += piece[: MOST_LOST - len(self.lost)]
        if self._bytes > MOST_BYTES:
            cause = f"{MOST_BYTES:,} bytes of the stream made no chunk"
            raise EngineError(FailureKind.BACKEND, cause)
