"""Models that failed and are left alone for a while, longer each time.

Each try of a broken model costs somebody a battle, unless it is asked without one. Knows names and
reasons, and no engine.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from serving.engine import DEATHS, EngineError, FailureKind

REST_S: Final = 15.0  # seconds before a model that failed for the first time is tried again
DEATH_S: Final = 1.0  # the same where its engine died: the next one starts afresh
LONGEST: Final = 40  # times the first rest: ten minutes
LONGEST_ASKED: Final = 4  # the same where asking costs nobody a battle: one minute
FORGOTTEN: Final = 240  # times the first rest without a failure: the next one is a first again
LOOK_S: Final = 1.0  # seconds at least between two questions to who is looked for


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
        self, name: str, error: EngineError, *, until_found: bool = False, refused: bool = True
    ) -> None:
        """Let a model rest: twice as long as the last time, if that is not long ago.

        Parameters
        ----------
        until_found : bool, default False
            Whether it still counts as resting when its time is over, until somebody asked and ends
            that.
        refused : bool, default True
            Whether it is refused meanwhile also to who asks for it all the same.
        """
        now = asyncio.get_running_loop().time()
        last = self._rests.get(name)
        first = self._first_s
        if error.kind in DEATHS:
            first = min(first, DEATH_S)
        length = first
        if last is not None and now - last.since < self._first_s * FORGOTTEN:
            most = LONGEST_ASKED if until_found else LONGEST
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
        if self.left(name) > 0 and self._rests[name].refused:
            error = self._rests[name].error
            raise EngineError(error.kind, error.cause)

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


class Searches:
    """Looks for models that rest until they are found: no battle is to find that out.

    `ask` raises why one is not there, or ends its rest; `refuse` lets one rest again.
    """

    def __init__(
        self,
        rests: Rests,
        ask: Callable[[str], Awaitable[None]],
        refuse: Callable[[str, EngineError], None],
    ) -> None:
        self._rests = rests
        self._ask = ask
        self._refuse = refuse
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str) -> None:
        """Look for a model, unless it is looked for."""
        if name not in self._under_way:
            search = asyncio.create_task(self._search(name), name=f"search {name}")
            self._under_way[name] = search

    def end(self) -> None:
        """Look for nobody any more."""
        for search in self._under_way.values():
            search.cancel()

    async def _search(self, name: str) -> None:
        """Ask after each rest.

        Whatever goes wrong, it is looked for again: nobody else would, and it would stay out.
        """
        while name in self._rests.reasons():
            await asyncio.sleep(max(self._rests.left(name), LOOK_S))
            try:
                await self._ask(name)
            except EngineError:
                pass  # it was logged when it was refused
            except Exception as error:  # noqa: BLE001 -- see above
                odd = f"{name}: cannot be asked: {error!r}"
                self._refuse(name, EngineError(FailureKind.BACKEND, odd))
        del self._under_way[name]  # at once: who rests from now on is looked for anew
