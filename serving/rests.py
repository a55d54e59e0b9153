"""Models that failed and are left alone for a while, longer each time.

Each try of a broken model costs somebody a battle, unless it is asked without one. Knows names and
reasons, and no engine.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from serving.engine import DEATHS, EngineError

REST_S: Final = 15.0  # seconds before a model that failed for the first time is tried again
DEATH_S: Final = 1.0  # the same where its engine died: the next one starts afresh
LONGEST: Final = 40  # times the first rest: ten minutes
LONGEST_ASKED: Final = 4  # the same where asking costs no battle, or one for many: one minute
FORGOTTEN: Final = 240  # times the first rest without a failure: the next one is a first again


@dataclass(slots=True)
class _Rest:
    error: EngineError
    since: float
    length: float
    until_found: bool
    refused: bool
    over: bool = False


class Rests:
    """Who rests, and why."""

    def __init__(self, first_s: float = REST_S) -> None:
        self._first_s = first_s
        self._rests: dict[str, _Rest] = {}

    def add(
        self,
        name: str,
        error: EngineError,
        *,
        until_found: bool = False,
        refused: bool = True,
        shared: bool = False,
    ) -> None:
        """Let a model rest: twice as long as the last time, if that is not long ago.

        Parameters
        ----------
        until_found : bool, default False
            Whether it still counts as resting when its time is over, until somebody asked and ends
            that.
        refused : bool, default True
            Whether it is refused meanwhile also to who asks for it all the same.
        shared : bool, default False
            Whether others rest for the same, so that one battle asks for all of them.
        """
        now = asyncio.get_running_loop().time()
        last = self._rests.get(name)
        first = self._first_s
        if error.kind in DEATHS:
            first = min(first, DEATH_S)
        length = first
        if last is not None and now - last.since < self._first_s * FORGOTTEN:
            most = LONGEST_ASKED if until_found or shared else LONGEST
            length = min(max(last.length * 2, first), self._first_s * most)
        self._rests[name] = _Rest(error, now, length, until_found, refused)

    def cut_short(self, name: str) -> None:
        """End a rest early, as a model could be loaded; the next one still depends on it.

        That ends no rest of one whose engine was well: it tells nothing new of that.
        """
        if name in self._rests and self._rests[name].refused:
            self._rests[name].over = True

    def forgive(self, name: str) -> None:
        """End a rest and forget it: the next one is a first again."""
        self._rests.pop(name, None)

    def check(self, name: str) -> None:
        """Refuse a model that rests, with the error that sent it to rest.

        Raises
        ------
        EngineError
            While it rests.
        """
        if self.refuses(name):
            error = self._rests[name].error
            raise EngineError(error.kind, error.cause)

    def refuses(self, name: str) -> bool:
        """Tell whether a model rests, and who asks for it is refused."""
        return self.left(name) > 0 and self._rests[name].refused

    def left(self, name: str) -> float:
        """Return the seconds for which a model rests."""
        rest = self._rests.get(name)
        if rest is None or rest.over:
            return 0.0
        return max(0.0, rest.since + rest.length - asyncio.get_running_loop().time())

    def ends_within(self, name: str, seconds: float) -> bool:
        """Tell whether a model's rest is over so soon; one until somebody asked has no end."""
        rest = self._rests.get(name)
        if rest is not None and rest.until_found and not rest.over:
            return False
        return self.left(name) <= seconds

    def reasons(self) -> dict[str, str]:
        """Return who rests now, with the reason for each."""
        return {
            name: rest.error.cause
            for name, rest in self._rests.items()
            if self.left(name) > 0 or (rest.until_found and not rest.over)
        }
