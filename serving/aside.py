"""Work that blocks, in a thread that nobody need wait for: no caller, and not the program's end.

Threads of a pool, as `asyncio.to_thread` takes them, are joined at the end, however long they hang.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import TypeVar

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
