"""A pool that closes: nothing is left, and nobody waits for what hangs."""

import asyncio
import subprocess
import sys

import pytest

from serving.engine import EngineError, FailureKind, Prompt
from serving.pool import Pool
from serving.spec import ModelSpec
from tests.serving.workshop import Sized, Workshop, use


async def test_closing_ends_the_search_for_a_server() -> None:
    shop = Workshop(broken={"a": EngineError(FailureKind.BACKEND, "a: nobody is there")})
    pool = shop.pool(1, kind="remote")
    before = asyncio.all_tasks()
    await pool.warm("a")
    await pool.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_closing_closes_all_and_refuses_who_waits() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a") as engine:
        waiting = asyncio.create_task(use(pool, "b"))
        await asyncio.sleep(0.01)
        await pool.close()
        assert engine.health() is not None
        with pytest.raises(EngineError, match="closed"):
            await waiting
    with pytest.raises(EngineError, match="closed"):
        await use(pool, "a")


NEVER_LOADED = """
import asyncio, time
import serving.resident
from serving.pool import Pool
from serving.spec import ModelSpec

serving.resident.LEAVE_S = 0.2

async def use(pool):
    async with pool.engine("a"):
        pass

async def main():
    pool = Pool([ModelSpec(name="a", kind="scripted")], 1, build=lambda spec: time.sleep(600))
    loading = asyncio.create_task(use(pool))
    await asyncio.sleep(0.1)
    await pool.close()
    (refusal,) = await asyncio.gather(loading, return_exceptions=True)
    print(refusal)

asyncio.run(main())
"""


def test_neither_closing_nor_the_end_of_the_program_waits_for_a_load_that_hangs() -> None:
    ended = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-c", NEVER_LOADED], capture_output=True, text=True, timeout=30, check=True
    )
    assert "the pool is closed" in ended.stdout
    assert ended.stderr == ""


async def test_an_open_stream_ends_when_the_pool_closes() -> None:
    def build(spec: ModelSpec) -> Sized:
        hanging = spec.model_copy(
            update={"behaviour": spec.behaviour.model_copy(update={"hang_at": 0})}
        )
        return Sized(hanging, 1)

    pool = Pool(
        [ModelSpec(name="a", kind="scripted")], 1, build=build, measure=lambda spec: {spec.name: 1}
    )
    async with pool.engine("a") as engine:
        reading = asyncio.create_task(anext(engine.stream(Prompt.of("?"))))
        await asyncio.sleep(0.01)
        await pool.close()
        assert "closed" in str(await asyncio.wait_for(reading, 30))
