"""A line between browser and server whose stream can be cut alone, as where a network changes."""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import Self

_STREAM = b"/queue/data"  # what Gradio's stream is asked for
_BYTES = 65_536


class Wire:
    """Passes connections on to a server; use it as a context."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._streams: list[StreamWriter] = []

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more connections."""
        self._server.close()

    def cut(self) -> int:
        """End every stream, in the middle of it; return how many there were."""
        streams, self._streams = self._streams, []
        for writer in streams:
            writer.transport.abort()
        return len(streams)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        await asyncio.gather(self._pass(reader, back, writer), self._pass(there, writer, None))

    async def _pass(
        self, reader: StreamReader, writer: StreamWriter, browser: StreamWriter | None
    ) -> None:
        with suppress(ConnectionError):
            while said := await reader.read(_BYTES):
                if browser is not None and _STREAM in said:
                    self._streams.append(browser)
                writer.write(said)
                await writer.drain()
        writer.close()
