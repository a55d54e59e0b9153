"""Engines that share memory: loaded when needed, kept while there is room, never dropped in use.

Knows bytes and names; it does not know battles, and no engine knows the pool.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from serving.budget import Budget, Parts, parts_of
from serving.build import Builder
from serving.engine import Engine, EngineError, FailureKind
from serving.spec import ModelSpec

log = logging.getLogger(__name__)

REST_S = 15.0  # seconds before a model that could not be loaded is tried again
PATIENCE_S = 5.0  # seconds that requests for loaded models may pass one that waits for memory


@dataclass(slots=True)
class _Resident:
    """A model that holds memory, loaded or on its way."""

    loading: "asyncio.Task[Engine]"
    users: int = 0


@dataclass(slots=True)
class _Waiter:
    """Someone who waits for memory."""

    names: tuple[str, ...]
    turn: "asyncio.Future[None]"
    since: float


class Pool:
    """All models of a roster in one budget of bytes.

    Parameters
    ----------
    specs : iterable of ModelSpec
        The roster; names are unique.
    budget_bytes : int
        Most bytes of all engines together, by estimate before loading and by footprint after.
    build, measure : callable
        How an engine is made and what parts it has in memory; tests put their own here.
    """

    def __init__(
        self,
        specs: Iterable[ModelSpec],
        budget_bytes: int,
        *,
        build: Callable[[ModelSpec], Engine] | None = None,
        measure: Callable[[ModelSpec], Parts] = parts_of,
        rest_s: float = REST_S,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._budget = Budget(budget_bytes, measure)
        self._build = build or Builder()
        self._rest_s = rest_s
        self._residents: OrderedDict[str, _Resident] = OrderedDict()  # least recently used first
        self._waiting: list[_Waiter] = []
        self._resting: dict[str, tuple[float, EngineError]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._leaving = 0  # bytes of engines that are being closed
        self._closed = False
        # One at a time: the library's loader keeps process-wide state.
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")

    def resident(self) -> tuple[str, ...]:
        """Return the names of models that are loaded, least recently used first."""
        return tuple(name for name, resident in self._residents.items() if _loaded(resident))

    def unavailable(self) -> dict[str, str]:
        """Return the models that cannot serve now, with the reason for each."""
        now = _now()
        out = {name: str(error) for name, (until, error) in self._resting.items() if until > now}
        for name, resident in self._residents.items():
            if _loaded(resident) and (reason := resident.loading.result().health()):
                out[name] = reason
        return out

    @asynccontextmanager
    async def engine(self, name: str) -> AsyncIterator[Engine]:
        """Hold one engine; it is loaded first if need be and stays while held."""
        async with self.engines(name) as (engine,):
            yield engine

    @asynccontextmanager
    async def engines(self, *names: str) -> AsyncIterator[tuple[Engine, ...]]:
        """Hold several engines, taken together: two battles never wait for each other's half.

        Raises
        ------
        EngineError
            If one cannot be loaded or all together never fit.
        """
        await self._admit(names)
        try:
            loads = [self._residents[name].loading for name in names]
            # Shielded: another battle may wait for the same load.
            yield tuple([await asyncio.shield(load) for load in loads])
        finally:
            for name in names:
                self._release(name)
            self._wake()

    async def warm(self, names: Iterable[str]) -> None:
        """Load models ahead of their first use, as many as fit; the rest wait for their turn.

        A model that cannot be loaded stops no other: it is logged, and `unavailable` names it.
        """
        warmed: list[str] = []
        for name in dict.fromkeys(names):
            try:
                if self._needed([*warmed, name]) > self._budget.total:
                    continue
                async with self.engine(name):
                    warmed.append(name)
            except EngineError as error:
                log.error("%s is left out: %s", name, error)  # noqa: TRY400 -- loading logged it

    async def close(self) -> None:
        """Close all engines; who waits is refused, streams still open end as cancelled."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.turn.done():
                waiter.turn.set_exception(_closed_error())
        self._waiting.clear()
        for name in list(self._residents):
            self._evict(name)
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._loader.shutdown(wait=False)

    async def _admit(self, names: tuple[str, ...]) -> None:
        """Wait until all of ``names`` have memory, then pin them."""
        if self._closed:
            raise _closed_error()
        if (needed := self._needed(names)) > self._budget.total:
            raise EngineError(
                FailureKind.OUT_OF_MEMORY,
                f"{' and '.join(names)} need {needed / 1e9:.2f} GB together; "
                f"the budget is {self._budget.total / 1e9:.2f} GB",
            )
        if not self._may_pass(names) or not self._make_room(names):
            waiter = _Waiter(names, asyncio.get_running_loop().create_future(), _now())
            self._waiting.append(waiter)
            try:
                await waiter.turn
            except asyncio.CancelledError:
                self._leave(waiter)
                raise

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
            for name in waiter.names:  # admitted and cancelled in the same moment
                self._release(name)
        self._wake()

    def _may_pass(self, names: tuple[str, ...]) -> bool:
        """Tell whether a request may go before those that wait: only for a while, and for free."""
        if not self._waiting:
            return True
        here = all(name in self._residents for name in names)
        return here and _now() - self._waiting[0].since < PATIENCE_S

    def _make_room(self, names: tuple[str, ...]) -> bool:
        """Pin ``names``, start loading what is missing; False, and nothing done, without room."""
        for name in names:
            self._check(name)
        missing = [name for name in dict.fromkeys(names) if name not in self._residents]
        for victim in self._victims(names):
            self._evict(victim)
        together = self._budget.used([*self._residents, *names])
        if missing and together + self._leaving > self._budget.total:
            # Memory is free only when its last owner is closed; closing wakes the waiters.
            return False
        for name in missing:
            self._residents[name] = _Resident(self._load(name))
        for name in names:
            self._residents[name].users += 1
            self._residents.move_to_end(name)
        return True

    def _victims(self, keep: tuple[str, ...]) -> list[str]:
        """Return the longest idle models that must go for ``keep``; none if that is not enough."""
        victims: list[str] = []
        stay = {*self._residents, *keep}
        for name, resident in self._residents.items():
            if self._budget.used(stay) <= self._budget.total:
                return victims
            if resident.users == 0 and name not in keep and resident.loading.done():
                victims.append(name)
                stay.remove(name)
        return victims if self._budget.used(stay) <= self._budget.total else []

    def _wake(self) -> None:
        """Let in who can go, oldest first."""
        while self._waiting:
            waiter = self._waiting[0]
            try:
                if not waiter.turn.done() and not self._make_room(waiter.names):
                    return
            except EngineError as error:
                waiter.turn.set_exception(error)
            self._waiting.pop(0)
            if not waiter.turn.done():
                waiter.turn.set_result(None)

    def _check(self, name: str) -> None:
        if self._closed:
            raise _closed_error()
        until, error = self._resting.get(name, (0.0, None))
        if error is not None and until > _now():
            raise EngineError(error.kind, error.cause)

    def _needed(self, names: Iterable[str]) -> int:
        """Return the bytes of models together, by what is known of them so far."""
        for name in names:
            if name not in self._specs:
                raise EngineError(FailureKind.BACKEND, f"there is no model named {name}")
            try:
                self._budget.read(self._specs[name])
            except EngineError as error:
                self._resting[name] = (_now() + self._rest_s, error)
                raise
        return self._budget.used(names)

    def _load(self, name: str) -> "asyncio.Task[Engine]":
        task = asyncio.create_task(self._load_in_thread(name), name=f"load {name}")
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _load_in_thread(self, name: str) -> Engine:
        start = _now()
        try:
            loop = asyncio.get_running_loop()
            engine = await loop.run_in_executor(self._loader, self._build, self._specs[name])
        except Exception as error:
            refused = error if isinstance(error, EngineError) else _unknown(name, error)
            log.error("%s: not loaded (%s): %s", name, refused.kind, refused.cause)  # noqa: TRY400 -- raised again
            self._resting[name] = (_now() + self._rest_s, refused)
            raise refused from error
        self._resting.pop(name, None)
        log.info("%s: loaded in %.1f s, %d bytes", name, _now() - start, engine.footprint)
        self._budget.learn(name, engine.footprint)
        for victim in self._victims((name,)) if name in self._residents else ():
            self._evict(victim)  # it turned out larger than its estimate
        return engine

    def _release(self, name: str) -> None:
        resident = self._residents.get(name)
        if resident is None:  # the pool was closed meanwhile
            return
        resident.users -= 1
        if resident.users:
            return
        if _loaded(resident) and (reason := resident.loading.result().health()) is not None:
            # Loaded again at once it would die again at once.
            rests = EngineError(FailureKind.ENGINE_DEAD, reason)
            self._resting[name] = (_now() + self._rest_s, rests)
            self._evict(name)
        elif resident.loading.done() and not _loaded(resident):
            self._evict(name)

    def _evict(self, name: str) -> None:
        before = self._budget.used(self._residents)
        resident = self._residents.pop(name)
        freed = before - self._budget.used(self._residents)
        self._leaving += freed
        task = asyncio.create_task(self._dismiss(name, resident, freed), name=f"close {name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _dismiss(self, name: str, resident: _Resident, freed: int) -> None:
        try:
            engine = await resident.loading
            await engine.close()
            log.info("%s: closed", name)
        except EngineError:
            pass  # it never came to be
        finally:
            self._leaving -= freed
            self._wake()


def _loaded(resident: _Resident) -> bool:
    task = resident.loading
    return task.done() and not task.cancelled() and task.exception() is None


def _closed_error() -> EngineError:
    return EngineError(FailureKind.CANCELLED, "the pool is closed")


def _unknown(name: str, error: Exception) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"{name}: cannot be loaded: {error}")


def _now() -> float:
    return asyncio.get_running_loop().time()
