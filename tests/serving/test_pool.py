"""A pool in a budget: who is loaded, who must go, who waits, who is refused."""

import asyncio
import threading

import pytest

from serving.engine import Done, EngineError, FailureKind, Prompt
from tests.serving.workshop import Workshop, use


async def test_a_model_is_loaded_when_first_used_and_then_kept() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    assert pool.resident() == ()
    await use(pool, "a")
    await use(pool, "a")
    assert shop.built == ["a"]
    assert pool.resident() == ("a",)


async def test_what_is_held_streams() -> None:
    pool = Workshop().pool(2)
    async with pool.engines("a", "b") as (a, b):
        ends = [[event async for event in e.stream(Prompt.of("?"))][-1] for e in (a, b)]
    assert all(isinstance(end, Done) for end in ends)


async def test_the_longest_idle_model_goes_first() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    for name in "abac":
        await use(pool, name)
    assert pool.resident() == ("a", "c")
    assert shop.engines["b"].health() is not None


async def test_a_model_in_use_is_never_dropped() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    async with pool.engine("a"):
        await use(pool, "b")
        await use(pool, "c")
        assert "a" in pool.resident()
        assert shop.engines["a"].health() is None


async def test_who_finds_no_room_waits_for_it() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        waiting = asyncio.create_task(use(pool, "b"))
        await asyncio.sleep(0.02)
        assert shop.built == ["a"]
    await asyncio.wait_for(waiting, 30)
    assert pool.resident() == ("b",)


async def test_two_battles_never_hold_each_others_half() -> None:
    pool = Workshop().pool(2)

    async def battle(one: str, two: str) -> None:
        for _ in range(5):
            async with pool.engines(one, two):
                await asyncio.sleep(0)

    battles = (battle("a", "b"), battle("c", "d"), battle("b", "c"), battle("d", "a"))
    await asyncio.wait_for(asyncio.gather(*battles), 30)


async def test_one_model_may_meet_itself() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    await use(pool, "a", "a")
    await use(pool, "b")
    assert shop.built == ["a", "b"]


async def test_battles_share_an_engine_and_its_loading() -> None:
    shop = Workshop(held={"a": threading.Event()})
    pool = shop.pool(1)
    both = asyncio.gather(use(pool, "a"), use(pool, "a"))
    await asyncio.sleep(0.02)
    shop.held["a"].set()
    await asyncio.wait_for(both, 30)
    assert shop.built == ["a"]


async def test_memory_is_never_promised_twice() -> None:
    shop = Workshop()
    pool = shop.pool(3, names="abcdefgh")
    most = 0

    async def battle(one: str, two: str) -> None:
        nonlocal most
        async with pool.engines(one, two):
            alive = [e for e in shop.engines.values() if e.health() is None]
            most = max(most, len(alive))
            await asyncio.sleep(0.001)

    pairs = [(x, y) for x in "abcdefgh" for y in "hgfedcba" if x != y]
    await asyncio.wait_for(asyncio.gather(*(battle(*pair) for pair in pairs)), 20)
    assert most == 3


async def test_a_waiting_pair_is_not_passed_for_ever() -> None:
    pool = Workshop().pool(2, patience_s=0.0)
    async with pool.engine("a"):
        pair = asyncio.create_task(use(pool, "b", "c"))
        await asyncio.sleep(0)
        late = asyncio.create_task(use(pool, "a"))
        await asyncio.sleep(0.02)
        assert not late.done()
    await asyncio.wait_for(asyncio.gather(pair, late), 30)


async def test_loaded_models_may_pass_one_that_waits_for_memory() -> None:
    pool = Workshop().pool(2)
    async with pool.engine("a"):
        pair = asyncio.create_task(use(pool, "b", "c"))
        await asyncio.sleep(0)
        await asyncio.wait_for(use(pool, "a"), 30)
        assert not pair.done()
    await asyncio.wait_for(pair, 30)


async def test_what_can_never_fit_is_refused_at_once() -> None:
    pool = Workshop().pool(1)
    with pytest.raises(EngineError, match="a and b need") as caught:
        await use(pool, "a", "b")
    assert caught.value.kind is FailureKind.OUT_OF_MEMORY


async def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(EngineError, match="no model named z"):
        await use(Workshop().pool(1), "z")


async def test_leaving_the_queue_leaves_it_in_order() -> None:
    pool = Workshop().pool(1)
    async with pool.engine("a"):
        gone = asyncio.create_task(use(pool, "b"))
        stays = asyncio.create_task(use(pool, "c"))
        await asyncio.sleep(0.01)
        gone.cancel()
    await asyncio.wait_for(stays, 30)
    assert pool.resident() == ("c",)
