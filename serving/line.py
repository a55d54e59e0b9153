"""The line of those who wait for memory: in the order they came, and nobody waits for ever.

Who needs nothing that is not in memory already may go first, but only for a while. Knows names; who
is let in and when is decided by `serving.pool`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from serving.engine import EngineError

PATIENCE_S: Final = 5.0  # seconds that requests for loaded models may pass one that waits

Place = TypeVar("Place")  # what who is let in is given


@dataclass(slots=True, eq=False)
class Waiter(Generic[Place]):
    """Someone who waits for memory."""

    names: tuple[str, ...]
    turn: "asyncio.Future[Place]"
    since: float


class Line(Generic[Place]):
    """Those who wait, the longest first."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._waiting: list[Waiter[Place]] = []

    def may_pass(self, *, for_free: bool) -> bool:
        """Tell whether a request may go before those that wait."""
        if not self._waiting:
            return True
        now = asyncio.get_running_loop().time()
        return for_free and now - self._waiting[0].since < self._patience_s

    def join(self, names: tuple[str, ...]) -> Waiter[Place]:
        """Return a place at the end of the line."""
        loop = asyncio.get_running_loop()
        waiter = Waiter[Place](names, loop.create_future(), loop.time())
        self._waiting.append(waiter)
        return waiter

    def leave(self, waiter: Waiter[Place]) -> bool:
        """Give up waiting; return whether the waiter had been let in already."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            return False
        return not waiter.turn.cancelled() and waiter.turn.exception() is None

    def wake(self, admit: Callable[[tuple[str, ...]], Place | None]) -> None:
        """Let in who can go, the longest waiting first; who is refused leaves with the error.

        What ``admit`` returns is given to who is let in; None lets nobody in.
        """
        while self._waiting:
            waiter = self._waiting[0]
            if not waiter.turn.done():
                try:
                    if (place := admit(waiter.names)) is None:
                        return
                    waiter.turn.set_result(place)
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is for who waits
                    waiter.turn.set_exception(error)
            self._waiting.pop(0)

    def refuse(self, error: EngineError) -> None:
        """Send everybody away."""
        for waiter in self._waiting:
            if not waiter.turn.done():
                waiter.turn.set_exception(error)
        self._waiting.clear()
