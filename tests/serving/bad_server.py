"""A server that speaks the OpenAI protocol, or breaks it in every way we know."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

CARELESS = "mistral-7b at 10.0.0.7"
"""What a careless server says in its errors."""

Write = Callable[[bytes], Awaitable[None]]
Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
END = b"0\r\n\r\n"


def piece(data: bytes) -> bytes:
    """Return data as one HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(content: str | None = None, finish: str | None = None, **more: object) -> bytes:
    """Return one event of a streamed response."""
    delta = {} if content is None else {"content": content}
    body = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": CARELESS,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return piece(b"data: " + json.dumps(body).encode() + b"\n\n")


LAST = piece(b"data: [DONE]\n\n")
DONE = LAST + END


def says(*parts: bytes, pause_s: float = 0.0) -> Behaviour:
    """Return a behaviour that sends parts after the head, one by one."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Return a behaviour that is another one at each question."""
    left = list(behaviours)

    async def behave(writer: asyncio.StreamWriter) -> None:
        await left.pop(0)(writer)

    return behave


async def hangs_before_headers(writer: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await asyncio.sleep(30)
    writer.close()


async def hangs_mid_stream(writer: asyncio.StreamWriter) -> None:
    """Fall silent after one word."""
    await says(event("word "))(writer)
    await asyncio.sleep(30)


def lingers(*parts: bytes) -> Behaviour:
    """Return a behaviour that says all there is and leaves the connection open."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await says(*parts)(writer)
        await asyncio.sleep(30)

    return behave


def breaks_off(*parts: bytes) -> Behaviour:
    """Return a behaviour that says all there is and resets the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await says(*parts, pause_s=0.1)(writer)
        writer.transport.abort()

    return behave


async def resets(writer: asyncio.StreamWriter) -> None:
    """Reset the connection after one word."""
    await says(event("word "))(writer)
    writer.transport.abort()


def drips(head: bytes) -> Behaviour:
    """Return a behaviour that sends a head, and then one byte after the other for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    return behave


def answers(status: str) -> Behaviour:
    """Return a behaviour that gives a status, and a body that is longer than it says."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\n".encode() + b"x" * 99)
        await writer.drain()

    return behave


def goes_on(head: bytes, blob: bytes = b"y" * 65536) -> Behaviour:
    """Return a behaviour that sends a head, and then as much as the other end takes, for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(blob)
            await writer.drain()

    return behave


async def talks_nonsense(writer: asyncio.StreamWriter) -> None:
    """Answer with something that is not HTTP."""
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


def refuses(status: int, body: bytes, more: str = "") -> Behaviour:
    """Return a behaviour that gives a status of an error and more headers, and says why."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()

    return behave


def is_busy(again: str) -> Behaviour:
    """Return a behaviour that takes no more, and says when to ask again."""
    return refuses(429, b"slow down", f"Retry-After: {again}\r\n")


async def fails(writer: asyncio.StreamWriter) -> None:
    """Answer with an error that names model and host."""
    said = {"error": {"message": f"CUDA out of memory on {CARELESS}"}}
    await refuses(500, json.dumps(said).encode())(writer)


async def refuses_length(writer: asyncio.StreamWriter) -> None:
    """Answer as servers do when a prompt is too long."""
    said = b'{"error": {"message": "This model\'s maximum context length is 16 tokens"}}'
    await refuses(400, said)(writer)


class Server:
    """A running server and what it was asked."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self.port = 0
        self.head = b""
        self.asked: list[dict[str, Any]] = []
        self.closed_early = asyncio.Event()
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and behave."""
        try:
            self.head = head = await reader.readuntil(b"\r\n\r\n")
            lengths = [
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ]
            if lengths:  # else it only asks what is served
                self.asked.append(json.loads(await reader.readexactly(lengths[0])))
            gone = asyncio.create_task(self._watch(reader))
            await self._behave(writer)
            gone.cancel()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_early.set()
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        """Note when the other end hangs up."""
        with suppress(ConnectionError):
            if await reader.read(1):
                return
        self.closed_early.set()


@asynccontextmanager
async def serving(behave: Behaviour, port: int = 0) -> AsyncIterator[Server]:
    """Run a server on loopback, at any free port unless one is named."""
    server = Server(behave)
    running = await asyncio.start_server(server.handle, "127.0.0.1", port)
    server.port = running.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{server.port}/v1"
    try:
        yield server
    finally:
        running.close()
