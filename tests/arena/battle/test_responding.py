"""Responses of a pool whose engines live in a process that dies."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from arena.battle.responding import OUTLAST_S, PoolResponders, Side, Sides
from serving.away import AwayEngine
from serving.duet import Finished, Pace
from serving.engine import Done, EngineError, Event, Failed, FailureKind, Message, Prompt
from serving.pool import Pool
from serving.processes import Processes
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.serving.bad_server import DONE, event, says, serving
from tests.serving.virtual_time import virtual_time

NAMES, BESIDE = ("oak", "pine"), ("elm", "fir")


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """Return a pool whose models share one process, all loaded."""
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    specs = [ModelSpec(name=name, kind="scripted", responses=("x",)) for name in (*NAMES, *BESIDE)]
    opened = Pool(specs, 20, build=processes.load, measure=lambda spec: {spec.name: 5})
    await opened.warm([*NAMES, *BESIDE])
    yield opened
    await opened.close()
    processes.close()


@pytest.fixture
async def responders(pool: Pool) -> PoolResponders:
    made = PoolResponders(pool, [*NAMES, *BESIDE], Pace("together", 1000.0, 0.02, 0.0), 20.0)
    await made.measure()
    return made


def sides(asked: str, names: tuple[str, str]) -> Sides:
    a, b = (Side("x", name, (Message("user", asked),), 1) for name in names)
    return Sides(a, b)


async def finished(
    responders: PoolResponders, asked: str = "well", names: tuple[str, str] = NAMES
) -> Finished:
    *_, last = [event async for event in responders.respond(sides(asked, names))]
    assert isinstance(last, Finished)
    return last


async def until(true: Callable[[], bool]) -> None:
    """Wait for a rest to end."""
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


async def process_of(pool: Pool) -> int:
    async with pool.engine("oak") as engine:
        assert isinstance(engine, AwayEngine)
        return engine._process.pid  # noqa: SLF001 -- who else would know


async def test_the_death_of_an_idle_process_costs_no_battle(
    pool: Pool, responders: PoolResponders
) -> None:
    os.kill(await process_of(pool), signal.SIGKILL)
    ended = await finished(responders)
    assert [type(end) for end in (ended.a, ended.b)] == [Done, Done]
    assert responders.available() == [*NAMES, *BESIDE]


async def test_battles_that_a_death_meets_before_their_first_text_go_on(
    pool: Pool, responders: PoolResponders
) -> None:
    """Nobody knows of the death until the streams are open."""
    pid = await process_of(pool)
    os.kill(pid, signal.SIGSTOP)
    battles = [asyncio.create_task(finished(responders)) for _ in range(3)]
    await asyncio.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    ends = [end for ended in await asyncio.gather(*battles) for end in (ended.a, ended.b)]
    assert [type(end) for end in ends] == [Done] * 6
    assert responders.available() == [*NAMES, *BESIDE]


async def test_a_turn_is_made_again_though_others_still_hold_the_dead_engine() -> None:
    processes = Processes(by_model=True, module="tests.serving.bad_child")
    specs = [ModelSpec(name=name, kind="scripted", batch=i + 1) for i, name in enumerate(NAMES)]
    pool = Pool(specs, 10, build=processes.load, measure=lambda spec: {spec.name: 5})
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.02, 0.0), 20.0)
    try:
        await pool.warm(NAMES)
        async with pool.engine("oak"):
            os.kill(await process_of(pool), signal.SIGKILL)
            ended = await asyncio.wait_for(finished(made), 20)
        assert [type(end) for end in (ended.a, ended.b)] == [Done, Done]
        assert made.available() == [*NAMES]
    finally:
        await pool.close()
        processes.close()


async def test_a_death_while_the_models_load_costs_no_battle() -> None:
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    specs = [ModelSpec(name=name, kind="scripted") for name in NAMES]
    pool = Pool(specs, 10, build=processes.load, measure=lambda spec: {spec.name: 5})
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.02, 0.0), 20.0)
    try:
        battle = asyncio.create_task(finished(made))
        await until(lambda: bool(processes._houses))  # noqa: SLF001 -- nothing else tells
        (house,) = processes._houses.values()  # noqa: SLF001 -- who else would know
        os.kill(house.process.pid, signal.SIGKILL)
        ended = await asyncio.wait_for(battle, 30)
        assert [type(end) for end in (ended.a, ended.b)] == [Done, Done]
        assert made.available() == [*NAMES]
    finally:
        await pool.close()
        processes.close()


async def test_a_prompt_that_kills_is_tried_twice_and_then_counts(
    responders: PoolResponders,
) -> None:
    ended = await asyncio.wait_for(finished(responders, "kill 0"), 30)
    assert isinstance(ended.a, Failed)
    assert ended.a.kind is FailureKind.PROCESS_DEAD
    assert responders.available() == [*BESIDE]


async def test_whoever_was_beside_a_prompt_that_kills_serves_again(
    responders: PoolResponders,
) -> None:
    """Twice the process dies under them; one whole response later that is forgotten."""
    beside = asyncio.create_task(finished(responders, "hang 0", BESIDE))
    await asyncio.wait_for(finished(responders, "kill 0"), 30)
    await asyncio.wait_for(beside, 30)
    for names in (BESIDE, NAMES):
        await until(lambda: set(names) <= set(responders.available()))  # noqa: B023 -- waited for here
        ended = await asyncio.wait_for(finished(responders, "well", names), 30)
        assert [type(end) for end in (ended.a, ended.b)] == [Done, Done]
    assert responders.available() == [*NAMES, *BESIDE]
    assert responders._standing._rests._rests == {}  # noqa: SLF001 -- the next rest is a first one


class Dying(ScriptedEngine):
    """Says nothing, and dies at a second of its life."""

    footprint = 5

    def __init__(self, spec: ModelSpec, dies_s: float) -> None:
        super().__init__(spec)
        self._dies_s = dies_s
        self._dead: str | None = None

    def health(self) -> str | None:
        return self._dead

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        if not prompt.max_tokens:  # else it is measured
            await asyncio.sleep(self._dies_s)
            self._dead = "its process was killed"
            yield Failed(FailureKind.PROCESS_DEAD, self._dead)
        yield Done("stop", 0, 0.0, None)


@virtual_time
async def test_a_turn_made_again_gets_what_is_left_of_its_deadline() -> None:
    specs = [ModelSpec(name=name, kind="scripted") for name in NAMES]
    lives = iter((15.0, 15.0, 900.0, 900.0))
    pool = Pool(
        specs,
        10,
        build=lambda spec: Dying(spec, next(lives)),
        measure=lambda spec: {spec.name: 5},
    )
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.5, 0.0), 20.0)
    start = asyncio.get_running_loop().time()
    ended = await finished(made)
    assert isinstance(ended.a, Failed)
    assert ended.a.kind is FailureKind.DEADLINE
    assert 20.0 <= asyncio.get_running_loop().time() - start <= 21.0


class Ailing(ScriptedEngine):
    """Dies in this process: a while later for each that asks, and at once for who comes after."""

    footprint = 5

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self._after_s = 1.0
        self._ill: str | None = None

    def health(self) -> str | None:
        return self._ill

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        if not prompt.max_tokens:  # else it is measured
            after_s, self._after_s = self._after_s, self._after_s + 0.7
            if self._ill is None:
                await asyncio.sleep(after_s)
            self._ill = "died twice in a row, rests for 30 s"
            yield Failed(FailureKind.ENGINE_DEAD, self._ill)
        yield Done("stop", 0, 0.0, None)


def pool_in_this_process(*engines: type[ScriptedEngine]) -> Pool:
    """Return a pool whose loads make one kind of engine after the other."""
    left = iter(engines)

    def build(spec: ModelSpec) -> ScriptedEngine:
        return next(left)(spec)

    specs = [ModelSpec(name=name, kind="scripted") for name in NAMES]
    return Pool(specs, 10, build=build, measure=lambda spec: {spec.name: 5})


@virtual_time
async def test_a_turn_waits_until_all_have_let_a_dead_engine_go() -> None:
    """In the server's own process it is made anew only when nobody holds it any more."""
    pool = pool_in_this_process(Ailing, *[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    await pool.warm(NAMES)
    battles = await asyncio.gather(finished(made), finished(made))
    assert [type(end) for ended in battles for end in (ended.a, ended.b)] == [Done] * 4
    assert made.available() == [*NAMES]
    await pool.close()


@virtual_time
async def test_a_turn_waits_for_a_rest_of_a_moment() -> None:
    pool = pool_in_this_process(Ailing, *[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    async with pool.engine("oak") as engine:
        _ = [event async for event in engine.stream(Prompt.of("?"))]
    assert made.available() == ["pine"]  # nobody made an excuse for it
    ended = await finished(made)
    assert [type(end) for end in (ended.a, ended.b)] == [Done, Done]
    await pool.close()


@virtual_time
async def test_a_battle_waits_for_two_where_a_rest_of_a_moment_ends() -> None:
    pool = pool_in_this_process(*[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    loop = asyncio.get_running_loop()
    start = loop.time()
    await made.wait_for_two(NAMES)
    assert loop.time() == start  # both are there
    for name in NAMES:
        pool.standing._rests.add(name, EngineError(FailureKind.PROCESS_DEAD, "killed"))  # noqa: SLF001
    await made.wait_for_two(NAMES)
    assert sorted(made.available()) == sorted(NAMES)
    assert 0 < loop.time() - start < OUTLAST_S
    start = loop.time()
    pool.standing._rests.add("oak", EngineError(FailureKind.BACKEND, "oak: no config.json"))  # noqa: SLF001
    await made.wait_for_two(NAMES)
    assert loop.time() == start  # nobody waits for a long rest
    assert made.available() == ["pine"]
    await pool.close()


@virtual_time
async def test_a_rest_that_refuses_nobody_is_not_waited_for() -> None:
    """Who talks with a model that failed others goes on, also where its rest is nearly over."""
    pool = pool_in_this_process(*[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    await pool.warm(NAMES)
    pool.standing.leave_alone("oak", EngineError(FailureKind.NAN, "oak: no number"))
    await asyncio.sleep(12)
    start = asyncio.get_running_loop().time()
    assert isinstance((await finished(made)).a, Done)
    assert asyncio.get_running_loop().time() - start < 1
    await pool.close()


@virtual_time
async def test_nor_does_it_keep_anybody_from_waiting_for_a_rest_of_a_moment() -> None:
    pool = pool_in_this_process(*[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    pool.standing.leave_alone("oak", EngineError(FailureKind.NAN, "oak: no number"))  # for long
    pool.standing._rests.add("pine", EngineError(FailureKind.PROCESS_DEAD, "killed"))  # noqa: SLF001
    ended = await finished(made)
    assert [type(end) for end in (ended.a, ended.b)] == [Done, Done]
    await pool.close()


@virtual_time
async def test_a_long_rest_is_not_waited_for() -> None:
    pool = pool_in_this_process(Ailing, *[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    pool.standing._rests.add("oak", EngineError(FailureKind.BACKEND, "oak: no config.json"))  # noqa: SLF001
    start = asyncio.get_running_loop().time()
    ended = await finished(made)
    assert isinstance(ended.a, Failed)
    assert ended.a.cause == "oak: no config.json"
    assert asyncio.get_running_loop().time() == start
    await pool.close()


@virtual_time
async def test_nor_is_a_server_that_is_away_however_soon_it_is_asked_again() -> None:
    pool = pool_in_this_process(*[ScriptedEngine] * 9)
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.05, 0.0), 60.0)
    away = EngineError(FailureKind.ENGINE_DEAD, "oak: nobody is there")
    pool.standing._rests.add("oak", away, until_found=True)  # noqa: SLF001 -- for a second
    start = asyncio.get_running_loop().time()
    assert isinstance((await finished(made)).a, Failed)
    assert asyncio.get_running_loop().time() == start
    await pool.close()


async def test_a_server_that_goes_away_costs_one_battle_however_long_it_stays_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.searches.ASK_S", 0.01)
    monkeypatch.setattr("serving.reach.REACH_S", 1.0)
    well = says(event("blue"), event(finish="stop"), DONE)
    async with serving(well) as server:
        far = ModelSpec(name="oak", url=server.url, remote_name="x")
        pool = Pool([far, ModelSpec(name="pine", kind="scripted")], 1, rest_s=0.02)
        made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.02, 0.0), 20.0)
        assert isinstance((await finished(made)).a, Done)
    assert isinstance((await finished(made)).a, Failed)  # nobody knew yet
    for _ in range(50):
        assert made.available() == ["pine"]
        await asyncio.sleep(0.02)
    async with serving(well, server.port):
        await until(lambda: made.available() == [*NAMES])
        assert isinstance((await finished(made)).a, Done)
    await pool.close()
