"""Work in the background of a page: on a thread, never twice at one time, with a rest after it.

It rests for as long as it took, so that it takes half a processor at most. Where it failed it says
why in the log and rests longer each time. What the work is, is not known here.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

AGAIN_S: Final = 2.0  # seconds before work that failed for the first time is tried again
LONGEST_S: Final = 300.0  # the longest such rest

_log: Final = logging.getLogger(__name__)


class Work:
    """Something to be done again and again; `name` is its subject in the log."""

    def __init__(
        self, name: str, do: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._do = do
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._failures = 0  # in a row
        self._rests_until = 0.0

    @property
    def failing(self) -> bool:
        """Whether it failed the last time that it was done."""
        return self._failures > 0

    def start(self) -> "asyncio.Task[None] | None":
        """Return the work under way, begun now if it is due; None while it rests."""
        busy = self._task is not None and not self._task.done()
        if not busy and self._clock() < self._rests_until:
            return None
        if not busy:
            self._task = asyncio.create_task(asyncio.to_thread(self._run))
        return self._task

    def _run(self) -> None:
        began = self._clock()
        rest = 0.0
        try:
            self._do()
        except Exception:  # noqa: BLE001 -- said in the log, and tried again
            rest = min(AGAIN_S * 2 ** min(self._failures, 10), LONGEST_S)
            self._failures += 1
            _log.exception("%s failed; tried again in %.0f s at the earliest", self._name, rest)
        else:
            self._failures = 0
        now = self._clock()
        self._rests_until = now + max(rest, now - began)
