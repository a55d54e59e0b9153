"""Responses of a pool whose engines live in a process that dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from arena.responding import PoolResponders, Side, Sides
from serving.away import AwayEngine
from serving.duet import Finished, Pace
from serving.engine import Done, Failed, FailureKind, Message
from serving.pool import Pool
from serving.processes import Processes
from serving.spec import ModelSpec

NAMES = ("oak", "pine")


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """Return a pool whose models share one process, both loaded."""
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    specs = [ModelSpec(name=name, kind="scripted", responses=("x",)) for name in NAMES]
    opened = Pool(specs, 10, build=processes.load, measure=lambda spec: {spec.name: 5})
    await opened.warm(NAMES)
    yield opened
    await opened.close()
    processes.close()


@pytest.fixture
async def responders(pool: Pool) -> PoolResponders:
    made = PoolResponders(pool, NAMES, Pace("together", 1000.0, 0.02, 0.0), 20.0)
    await made.measure()
    return made


def sides(asked: str = "well") -> Sides:
    a, b = (Side("x", name, (Message("user", asked),), 1) for name in NAMES)
    return Sides(a, b)


async def finished(responders: PoolResponders, asked: str = "well") -> Finished:
    *_, last = [event async for event in responders.respond(sides(asked))]
    assert isinstance(last, Finished)
    return last


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
    assert responders.available() == list(NAMES)


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
    assert responders.available() == list(NAMES)


async def test_a_prompt_that_kills_is_tried_twice_and_then_counts(
    responders: PoolResponders,
) -> None:
    ended = await asyncio.wait_for(finished(responders, "kill 0"), 30)
    assert isinstance(ended.a, Failed)
    assert ended.a.kind is FailureKind.ENGINE_DEAD
    assert responders.available() == []
