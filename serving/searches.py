"""Looks for models that rest until they are found, so that no battle is to find that out.

How long one rests is known by `serving.rests`; what asking means, by the pool.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from serving.engine import EngineError, FailureKind
from serving.rests import Rests

ASK_S: Final = 1.0  # seconds at least between two questions to one


class Searches:
    """One task for each model that is looked for.

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
        self._closed = False

    def begin(self, name: str) -> None:
        """Look for a model, unless it is looked for."""
        if name not in self._under_way and not self._closed:
            search = asyncio.create_task(self._search(name), name=f"search {name}")
            self._under_way[name] = search

    def close(self) -> None:
        """Look for nobody any more."""
        self._closed = True
        for search in self._under_way.values():
            search.cancel()

    async def _search(self, name: str) -> None:
        """Ask after each rest.

        Whatever goes wrong, it is looked for again: nobody else would, and it would stay out.
        """
        while name in self._rests.reasons():
            await asyncio.sleep(max(self._rests.left(name), ASK_S))
            try:
                await self._ask(name)
            except EngineError:
                pass  # it was logged when it was refused
            except Exception as error:  # noqa: BLE001 -- see above
                odd = f"{name}: cannot be asked: {error!r}"
                self._refuse(name, EngineError(FailureKind.BACKEND, odd))
        del self._under_way[name]  # at once: who rests from now on is looked for anew
