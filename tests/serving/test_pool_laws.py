"""Laws of the pool, whatever is asked of it in whatever order, on up to three devices.

A machine of made-up engines keeps its own books of what is alive where, and is asked after every
step: no device holds more than it has, nobody in use was closed, everybody is served in the end.
Engines die and what they held is free, or they fall ill and get well; nobody waits for them.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from serving.budget import Budget, Spot
from serving.devices import devices_of
from serving.engine import EngineError
from serving.placement import Placement
from serving.pool import Pool
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec

CARDS = ("cuda:0", "cuda:1", "cuda:2")
DEVICES = ("auto", "auto", "auto", "cuda", "cuda:0", "cuda:1", "cpu")
SIZES = st.integers(1, 9)


class Alive(ScriptedEngine):
    """An engine that is in the books from its making until its closing is through."""

    def __init__(self, spec: ModelSpec, size: int, books: dict[int, Spot]) -> None:
        super().__init__(spec)
        self.footprint = size
        self._books = books
        self.name = spec.name
        self.lost = False
        self.closes = 0
        self.illness: str | None = None
        books[id(self)] = Spot(spec.name, spec.device)

    def die(self) -> None:
        """End, and give all memory back."""
        self.lost, self.illness = True, "its process was killed"
        self._books.pop(id(self), None)

    def health(self) -> str | None:
        return self.illness or super().health()

    async def close(self) -> None:
        assert self.closes == 0
        self.closes += 1
        await super().close()
        for _ in range(3):  # memory is free some time after it was asked for
            await asyncio.sleep(0)
        self._books.pop(id(self), None)


@dataclass
class Battle:
    """Somebody who wants engines, holds them for a while and lets them go."""

    names: tuple[str, ...]
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    engines: tuple[Alive, ...] = ()
    task: "asyncio.Task[None] | None" = None

    async def run(self, pool: Pool) -> None:
        async with pool.engines(*self.names) as engines:
            self.engines = tuple(e for e in engines if isinstance(e, Alive))
            try:
                await self.enough.wait()
            finally:
                self.engines = ()


class Laws(RuleBasedStateMachine):
    """One pool, and everything that may be asked of it."""

    @initialize(
        rooms=st.lists(st.integers(4, 14), min_size=0, max_size=3),
        models=st.lists(st.tuples(SIZES, st.sampled_from(DEVICES)), min_size=3, max_size=7),
        shared=st.booleans(),
    )
    def open(self, rooms: list[int], models: list[tuple[int, str]], *, shared: bool) -> None:
        self.loop = asyncio.new_event_loop()
        self.books: dict[int, Spot] = {}
        self.battles: list[Battle] = []
        self.too_full: set[str] = set()
        specs = [
            ModelSpec(name=f"m{number}", kind="scripted", device=device)
            for number, (_, device) in enumerate(models)
        ]
        sizes = {f"m{number}": size for number, (size, _) in enumerate(models)}

        def measure(spec: ModelSpec) -> dict[str, int]:
            if shared and spec.name in ("m0", "m1"):  # adapters on one base
                return {"base": sizes["m0"], spec.name: 1}
            return {spec.name: sizes[spec.name]}

        self.names = [spec.name for spec in specs]
        self.rooms = {**dict(zip(CARDS, rooms, strict=False)), "cpu": 8}
        self.count = Budget(self.rooms, measure)
        self.spec_of = {spec.name: spec for spec in specs}
        self.pool = Pool(
            specs,
            self.rooms,
            build=lambda spec: self.make(spec, sum(measure(spec).values())),
            measure=measure,
            patience_s=0.0,
            rest_s=0.0,  # rests are no matter of the order of things
        )

    def make(self, spec: ModelSpec, size: int) -> Alive:
        """Build an engine, and note which devices are too full at this very moment."""
        engine = Alive(spec, size, self.books)
        self.too_full |= self.full()
        return engine

    def full(self) -> set[str]:
        """Return the devices on which more is alive than there is room for."""
        alive = list(self.books.values())
        spots = [self.count.read(self.spec_of[spot.name].on(spot.place)) for spot in alive]
        return self.count.over(spots)

    def settle(self) -> None:
        """Let everything happen that needs nobody's help."""

        async def still() -> None:
            quiet = 0  # turns in which nothing was under way, one after the other
            for _ in range(3000):
                memory = self.pool._memory  # noqa: SLF001 -- what else is going on
                loads = any(not resident.loading.done() for _, resident in memory.residents())
                busy = memory._closing or loads  # noqa: SLF001 -- what else is going on
                quiet = 0 if busy else quiet + 1
                if quiet > 10:
                    return
                await asyncio.sleep(0.0005 if busy else 0)
            raise AssertionError("it never came to rest")

        self.loop.run_until_complete(still())

    @rule(data=st.data(), size=st.integers(1, 2))
    def a_battle_opens(self, data: st.DataObject, size: int) -> None:
        names = data.draw(st.lists(st.sampled_from(self.names), min_size=size, max_size=size))
        battle = Battle(tuple(names))
        battle.task = self.loop.create_task(battle.run(self.pool))
        self.battles.append(battle)
        self.settle()

    @precondition(lambda self: self.battles)
    @rule(data=st.data())
    def a_battle_ends(self, data: st.DataObject) -> None:
        battle = data.draw(st.sampled_from(self.battles))
        battle.enough.set()
        self.settle()

    @precondition(lambda self: self.battles)
    @rule(data=st.data())
    def somebody_gives_up(self, data: st.DataObject) -> None:
        battle = data.draw(st.sampled_from(self.battles))
        assert battle.task is not None
        battle.task.cancel()
        self.settle()

    def in_use(self) -> list[Alive]:
        """Return the engines that battles hold."""
        return [engine for battle in self.battles for engine in battle.engines]

    @precondition(lambda self: self.in_use())
    @rule(data=st.data(), excused=st.booleans())
    def an_engine_in_use_dies(self, data: st.DataObject, *, excused: bool) -> None:
        engine = data.draw(st.sampled_from(self.in_use()))
        engine.die()
        self.trouble(engine, excused=excused)

    @precondition(lambda self: self.in_use())
    @rule(data=st.data(), excused=st.booleans())
    def an_engine_in_use_rests(self, data: st.DataObject, *, excused: bool) -> None:
        engine = data.draw(st.sampled_from(self.in_use()))
        engine.illness = engine.illness or "rests"
        self.trouble(engine, excused=excused)

    @precondition(lambda self: self.in_use())
    @rule(data=st.data())
    def an_engine_in_use_gets_well(self, data: st.DataObject) -> None:
        engine = data.draw(st.sampled_from(self.in_use()))
        engine.illness = engine.illness if engine.lost else None
        self.settle()

    def trouble(self, engine: Alive, *, excused: bool) -> None:
        """Let the pool hear of an engine that fell ill; those that wait look once."""
        if excused:
            self.pool.standing.excuse(engine.name)
        self.loop.call_soon(self.pool._wake)  # noqa: SLF001 -- who waits does it each second
        self.settle()

    @rule(data=st.data())
    def the_next_battle_is_prepared(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(self.names), min_size=1, max_size=3))
        task = self.loop.create_task(self.pool.warm(names))
        # Kept whether it is done or waits its turn: that is a matter of time, and what may happen
        # next must not be.
        self.battles.append(Battle(tuple(names), task=task))
        self.settle()

    @invariant()
    def no_device_holds_more_than_it_has(self) -> None:
        if not hasattr(self, "pool"):
            return
        assert self.too_full | self.full() == set()

    @invariant()
    def nobody_waits_where_there_is_room(self) -> None:
        """Who waits waits for memory that somebody holds, and never for what is dead or ill."""
        if not hasattr(self, "pool"):
            return
        for first in self.pool._line._waiting[:1]:  # noqa: SLF001 -- whose turn it is
            held = {e.name: self.books[id(e)].place for e in self.in_use() if not e.lost}
            assert Placement(self.count, self.spec_of.values()).plan(first.names, held, ()) is None

    @invariant()
    def nobody_in_use_was_closed_or_moved_from_its_device(self) -> None:
        for battle in getattr(self, "battles", []):
            for engine in battle.engines:
                assert engine.closes == 0
                if engine.lost:
                    continue
                asked = self.spec_of[self.books[id(engine)].name].device
                place = self.books[id(engine)].place
                assert asked in ("auto", "cuda", place)
                assert set(devices_of(place)) <= self.rooms.keys()

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return
        for battle in self.battles:
            battle.enough.set()
        tasks = [battle.task for battle in self.battles if battle.task is not None]

        async def all_served() -> None:
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    failure = (
                        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 5)
                    )[0]
                    assert failure is None or isinstance(
                        failure, EngineError | asyncio.CancelledError
                    )
            await self.pool.close()

        self.loop.run_until_complete(all_served())
        users: Counter[str] = Counter({n: r.users for n, r in self.pool._memory.residents()})  # noqa: SLF001
        assert +users == Counter()
        assert self.books == {}
        self.loop.close()


Laws.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLaws = Laws.TestCase
