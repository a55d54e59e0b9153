"""The gate before the key-value cache."""

import asyncio

import pytest

from serving.gate import Gate
from tests.serving.virtual_time import virtual_time


@virtual_time
async def test_requests_enter_in_order_as_there_is_room() -> None:
    gate, entered = Gate(4), []

    async def pass_through(name: str, need: int, seconds: float) -> None:
        async with gate.hold(need):
            entered.append((name, asyncio.get_running_loop().time()))
            await asyncio.sleep(seconds)

    await asyncio.gather(
        pass_through("first", 3, 1),
        pass_through("large", 4, 1),
        pass_through("small", 1, 1),  # would fit beside the first, but came after the large one
    )
    assert entered == [("first", 0), ("large", 1), ("small", 2)]


@virtual_time
async def test_who_leaves_the_queue_holds_nobody_up() -> None:
    gate = Gate(1)

    async def wait() -> None:
        async with gate.hold(1):
            await asyncio.sleep(10)

    async with gate.hold(1):
        gone = asyncio.create_task(wait())
        await asyncio.sleep(1)
        gone.cancel()
    async with asyncio.timeout(1), gate.hold(1):
        pass


@virtual_time
async def test_who_leaves_lets_the_next_one_in_that_fits() -> None:
    gate = Gate(4)

    async def wait() -> None:
        async with gate.hold(4):
            pytest.fail("there was no room")

    async def enter() -> None:
        async with gate.hold(2):
            pass

    async with gate.hold(2):
        large, small = asyncio.create_task(wait()), asyncio.create_task(enter())
        await asyncio.sleep(1)
        assert not small.done()
        large.cancel()
        async with asyncio.timeout(1):
            await small


@virtual_time
async def test_who_leaves_at_the_moment_of_entering_gives_the_room_back() -> None:
    gate = Gate(1)

    async def wait() -> None:
        async with gate.hold(1):
            pytest.fail("cancelled before it could enter")

    async with gate.hold(1):
        gone = asyncio.create_task(wait())
        await asyncio.sleep(1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    async with asyncio.timeout(1), gate.hold(1):
        pass
