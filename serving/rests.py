"""Models that failed and are left alone for a while, longer each time.

Each try of a broken model costs somebody a battle. Knows names and reasons, and no engine.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from serving.engine import DEATHS, EngineError

REST_S: Final = 15.0  # seconds before a model that failed for the first time is tried again
DEATH_S: Final = 1.0  # the same where its engine died: the next one starts afresh
LONGEST: Final = 40  # times the first rest: ten minutes
FORGOTTEN: Final = 240  # times the first rest without a failure: the next one is a first again


@dataclass(slots=True)
class _Rest:
    error: EngineError
    since: float
    length: float
    over: bool = False


class Rests:
    """Who rests, and why."""

    def __init__(self, first_s: float = REST_S) -> None:
        self._first_s = first_s
        self._rests: dict[str, _Rest] = {}

    def add(self, name: str, error: EngineError) -> None:
        """Let a model rest: twice as long as the last time, if that is not long ago."""
        now = asyncio.get_running_loop().time()
        last = self._rests.get(name)
        first = self._first_s
        if error.kind in DEATHS:
            first = min(first, DEATH_S)
        length = first
        if last is not None and now - last.since < self._first_s * FORGOTTEN:
            length = min(max(last.length * 2, first), self._first_s * LONGEST)
        self._rests[name] = _Rest(error, now, length)

    def end(self, name: str) -> None:
        """End a rest early; how long the next one lasts still depends on it."""
        if name in self._rests:
            self._rests[name].over = True

    def forget(self, name: str) -> None:
        """End a rest and forget it: the next one is a first again."""
        self._rests.pop(name, None)

    def check(self, name: str) -> None:
        """Refuse a model that rests, with the error that sent it to rest.

        Raises
        ------
        EngineError
            While it rests.
        """
        rest = self._rests.get(name)
        if rest is not None and self._lasts(rest):
            raise EngineError(rest.error.kind, rest.error.cause)

    def reasons(self) -> dict[str, str]:
        """Return who rests now, with the reason for each."""
        return {name: rest.error.cause for name, rest in self._rests.items() if self._lasts(rest)}

    def _lasts(self, rest: _Rest) -> bool:
        return not rest.over and asyncio.get_running_loop().time() < rest.since + rest.length
