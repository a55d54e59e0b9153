"""Engines that share memory: loaded when needed, kept while there is room, never dropped in use.

Who goes where is decided by `serving.placement`; here it happens. Who may be asked at all is known
by `serving.standing`. Knows bytes and names; it does not know battles, and no engine knows the
pool.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from serving.budget import Budget, Parts, Spot, parts_of
from serving.build import Builder
from serving.devices import CPU
from serving.engine import Engine, EngineError, FailureKind
from serving.line import PATIENCE_S, Line, Waiter
from serving.memory import Memory
from serving.placement import Placement
from serving.resident import Loader, Resident
from serving.rests import REST_S
from serving.spec import ModelSpec
from serving.standing import Standing

LOOK_S: Final = 1.0  # seconds between two looks of who waits: nobody tells of a death or a return

Held = tuple[Resident, ...]


class Pool:
    """All models of a roster in the memory of one machine.

    Parameters
    ----------
    specs : iterable of ModelSpec
        The roster; names are unique.
    rooms : mapping of device to int, or int
        Most bytes of all engines together on each device, by estimate before loading and by
        footprint after; a single number is for main memory.
    build, measure : callable
        How an engine is made and what parts it has in memory, both for a specification whose device
        is settled; tests put their own here.

    Attributes
    ----------
    standing : Standing
        Who may be asked now.
    """

    def __init__(
        self,
        specs: Iterable[ModelSpec],
        rooms: Mapping[str, int] | int,
        *,
        build: Callable[[ModelSpec], Engine] | None = None,
        measure: Callable[[ModelSpec], Parts] = parts_of,
        rest_s: float = REST_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._budget = Budget({CPU: rooms} if isinstance(rooms, int) else rooms, measure)
        self._placement = Placement(self._budget, self._specs.values())
        self._loader = Loader(build or Builder())
        self._line = Line[Held](patience_s)
        self._memory = Memory(self._budget, self._wake)
        self.standing = Standing(self._specs, self._memory, self._ask, rest_s)
        self._closed = False

    def resident(self) -> tuple[str, ...]:
        """Return the names of models that are loaded, least recently used first."""
        here = self._memory.residents()
        return tuple(name for name, resident in here if resident.loaded and not resident.illness)

    def places(self) -> dict[str, str]:
        """Return where models hold memory, loaded or on their way."""
        return self._memory.places()

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
        held = await self._admit(names)
        try:
            # Shielded: another battle may wait for the same load. Together: one failure is enough.
            loads = [asyncio.shield(resident.loading) for resident in held]
            yield tuple(await asyncio.gather(*loads))
        finally:
            self._release(names, held)

    async def warm(self, names: Iterable[str]) -> None:
        """Load models ahead of their first use, as many as fit; the rest wait for their turn.

        Servers are asked all at one time. A model that cannot be loaded stops no other:
        `unavailable` names it.
        """
        names = tuple(dict.fromkeys(names))
        near = [name for name in names if not self.standing.is_far(name)]
        far = [[name] for name in names if name not in near]
        await asyncio.gather(*map(self._warm, [near, *far]))

    async def _warm(self, names: Iterable[str]) -> None:
        warmed: list[str] = []
        for name in names:
            with suppress(EngineError):  # it was logged when it was refused
                self._check([name])
                if self._placement.fit([*warmed, name]):
                    async with self.engine(name):
                        warmed.append(name)

    def refusal(self, *names: str) -> str | None:
        """Return why models can never be in memory at one time; None where they can."""
        try:
            if names:
                self._placement.check(names)
        except EngineError as error:
            return error.cause
        return None

    async def prefetch(self, names: Iterable[str]) -> None:
        """Load models ahead where only others that are idle must leave; nobody waits for it.

        Those that are loaded already are kept as if they had just been used.
        """
        wanted = tuple(dict.fromkeys(names))
        self._memory.drop_dead()
        for name in wanted:
            if name in self._memory:
                self._memory.touch(name)
        for name in wanted:
            with suppress(EngineError):  # it was logged when it was refused
                if name not in self._memory and self._has_room(name, wanted):
                    await self._ask(name)

    def _has_room(self, name: str, keep: tuple[str, ...]) -> bool:
        idle = [other for other in self._memory.idle() if other not in keep]
        plan = self._placement.plan([name], self.places(), idle)
        return plan is not None and self._line.may_pass(for_free=False)

    async def close(self) -> None:
        """Close all engines; who waits is refused, streams still open end as cancelled."""
        self._closed = True
        self._line.refuse(_closed_error())
        self.standing.close()
        for name in self.places():
            self._memory.evict(name)
        await self._loader.close()  # first: who closes an engine that still loads waits for it
        await self._memory.settled()

    async def _admit(self, names: tuple[str, ...]) -> Held:
        """Wait until all of ``names`` have memory, then pin them."""
        if self._closed:
            raise _closed_error()
        self._check(names)
        self._memory.drop_dead()
        here = all(name in self._memory for name in names)
        if self._line.may_pass(for_free=here) and (held := self._make_room(names)) is not None:
            return held
        waiter = self._line.join(names)
        try:
            while not waiter.turn.done():
                await asyncio.wait({waiter.turn}, timeout=LOOK_S)
                self._wake()
            return await waiter.turn
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def _leave(self, waiter: Waiter[Held]) -> None:
        if self._line.leave(waiter):  # admitted and cancelled in the same moment
            self._release(waiter.names, waiter.turn.result())
        self._wake()

    def _wake(self) -> None:
        self._line.wake(self._make_room)

    def _check(self, names: Iterable[str]) -> None:
        """Refuse what cannot be: unknown models, files that cannot be read, never enough room."""
        names = tuple(names)
        for name in names:
            self.standing.check(name)
            try:
                self._placement.options(name)
            except EngineError as error:
                if name in self._specs:
                    self.standing.refused(name, error)
                raise
        self._placement.check(names)

    def _make_room(self, names: tuple[str, ...]) -> Held | None:
        """Pin ``names``, start loading what is missing; None, and nothing pinned, without room."""
        self._check(names)
        self._memory.drop_dead()
        plan = self._placement.plan(names, self.places(), self._memory.idle())
        if plan is None:
            return None
        for victim in plan.victims:
            self._memory.evict(victim.name)
        if plan.spots and not self._memory.has_room(plan.spots):
            return None  # yet: who leaves wakes the waiters once it is closed
        for spot in plan.spots:
            self._memory.admit(spot.name, Resident(spot.place, self._load(spot)))
        for name in names:
            self._memory[name].users += 1
            self._memory.touch(name)
        return tuple(self._memory[name] for name in names)

    def _load(self, spot: Spot) -> "asyncio.Task[Engine]":
        task = asyncio.create_task(self._bring(spot), name=f"load {spot.name}")
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _bring(self, spot: Spot) -> Engine:
        try:
            engine = await self._loader.load(self._specs[spot.name].on(spot.place))
        except EngineError as refused:
            self.standing.refused(spot.name, refused)
            raise
        self.standing.loaded(spot.name)
        self._budget.learn(spot, engine.footprint)
        self._memory.shrink()
        return engine

    async def _ask(self, name: str) -> None:
        """Load a model for nobody in particular."""
        async with self.engine(name):
            pass

    def _release(self, names: tuple[str, ...], held: Held) -> None:
        for name, resident in zip(names, held, strict=True):
            resident.users -= 1
            if resident.illness is None:
                resident.excused = False  # it rested, and is well again
            if not resident.users:
                self._let_go(name, resident)
        self._wake()

    def _let_go(self, name: str, resident: Resident) -> None:
        """Look after a model that its last user has left."""
        if name not in self._memory or self._memory[name] is not resident:
            if not self._closed:
                self._memory.dismiss(name, resident)  # it was lost, and another has its place
        elif (reason := resident.illness) is not None:
            if not resident.excused:
                self.standing.died(name, reason)
            self._memory.evict(name)
        elif resident.lost:
            self._memory.evict(name)


def _closed_error() -> EngineError:
    return EngineError(FailureKind.CANCELLED, "the pool is closed")
