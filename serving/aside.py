"""Work that blocks, in a thread that nobody need wait for: no caller, and not the program's end.

Threads of a pool, as `asyncio.to_thread` takes them, are joined at the end, however long they hang.
So are those in which an event loop looks names up, and there are few of them for everybody.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")


def aside(work: Callable[[], Result], name: str) -> "Future[Result]":
    """Start some work; what it returns or raises comes into the future, unless that is settled."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            settle = partial(future.set_result, work())
        except BaseException as error:  # noqa: BLE001 -- told to who waits
            settle = partial(future.set_exception, error)
        with suppress(InvalidStateError):  # nobody waits for it any more
            settle()

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def resolve_aside() -> None:
    """Let the running event loop look names up aside: a name server may hang."""
    loop = asyncio.get_running_loop()
    loop.getaddrinfo = _getaddrinfo  # type: ignore[method-assign]  # clients have no place for it


async def _getaddrinfo(host: Any, port: Any, **how: int) -> Any:  # noqa: ANN401 -- as the loop's own
    look_up = partial(socket.getaddrinfo, host, port, **how)
    return await asyncio.wrap_future(aside(look_up, "resolve"))
