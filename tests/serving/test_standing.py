"""Engines that fall ill or die: who rests, who is excused, who is looked for, what is logged."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

import pytest

from serving.engine import Engine, EngineError, FailureKind
from serving.pool import Pool
from tests.serving.virtual_time import virtual_time
from tests.serving.workshop import Workshop, until, use


async def test_a_sick_engine_is_dropped_and_rests() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        shop.engines["a"].illness = "a: died twice"
        assert pool.standing.unavailable() == {"a": "a: died twice"}
    with pytest.raises(EngineError, match="died twice"):
        await use(pool, "a")
    assert pool.resident() == ()


@virtual_time
async def test_an_engine_that_died_rests_for_a_moment_for_the_next_one_starts_afresh() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        shop.engines["a"].illness = "a: is gone"
    rested = 0
    while pool.standing.unavailable():
        await asyncio.sleep(1)
        rested += 1
    assert rested == 1


@pytest.mark.parametrize("when", ["at the start", "in a battle"])
async def test_a_server_that_is_away_is_looked_for_before_anybody_is_sent_there(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.searches.ASK_S", 0.01)
    away = EngineError(FailureKind.BACKEND, "a: nobody is there")
    shop = Workshop()
    pool = shop.pool(1, kind="remote", rest_s=0.02)
    if when == "in a battle":
        async with pool.engine("a"):
            shop.engines["a"].illness = "a: nobody is there"
            shop.broken["a"] = away
    else:
        shop.broken["a"] = away
        await pool.warm("a")

    while shop.built.count("a") < 5:  # asked again by the pool, longer and longer after
        assert list(pool.standing.unavailable()) == ["a"]
        await asyncio.sleep(0.001)
    shop.broken.clear()
    await until(lambda: not pool.standing.unavailable())
    assert pool.resident() == ("a",)
    await pool.close()


async def test_a_server_is_looked_for_also_where_the_search_itself_breaks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("serving.searches.ASK_S", 0.01)
    shop = Workshop(broken={"a": EngineError(FailureKind.BACKEND, "a: nobody is there")})
    pool = shop.pool(1, kind="remote", rest_s=0.01)
    await pool.warm("a")
    real, left = Pool.engine, [RuntimeError("a bug"), KeyError("a")]

    def engine(self: Pool, name: str) -> AbstractAsyncContextManager[Engine]:
        if left:
            raise left.pop()
        shop.broken.clear()
        return real(self, name)

    monkeypatch.setattr(Pool, "engine", engine)
    await until(lambda: not pool.standing.unavailable())
    assert "a: not loaded (backend): cannot be asked: RuntimeError('a bug')" in caplog.messages
    await pool.close()


async def test_who_rests_the_moment_a_search_ends_is_looked_for_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.searches.ASK_S", 0.01)
    shop = Workshop(broken={"a": EngineError(FailureKind.BACKEND, "a: nobody is there")})
    pool = shop.pool(1, kind="remote", rest_s=0.01)
    await pool.warm("a")
    shop.broken.clear()
    while pool.standing.unavailable():  # noqa: ASYNC110 -- so it runs in the very turn in which the search ends
        await asyncio.sleep(0)
    under_way = pool.standing._searches._under_way  # noqa: SLF001
    while any(not search.done() for search in under_way.values()):  # noqa: ASYNC110 -- as above
        await asyncio.sleep(0)
    async with pool.engine("a"):
        shop.engines["a"].illness = "a: nobody is there"
    assert list(pool.standing.unavailable()) == ["a"]
    await until(lambda: not pool.standing.unavailable())
    await pool.close()


async def test_an_idle_engine_that_died_is_loaded_again_when_it_is_wanted() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    await use(pool, "a", "b")
    shop.engines["a"].illness = "its process was killed"
    assert pool.resident() == ("b",)
    assert pool.standing.unavailable() == {}
    await use(pool, "a")
    assert shop.built == ["a", "b", "a"]
    assert pool.resident() == ("b", "a")


@virtual_time
async def test_a_dead_engine_is_replaced_at_once_whoever_still_holds_it() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    async with pool.engines("a", "d"):
        dead = shop.engines["a"]
        dead.die()
        assert pool.standing.unavailable() == {}
        start = asyncio.get_running_loop().time()
        async with pool.engine("a") as engine:
            assert engine.health() is None
            assert engine is not dead
        assert asyncio.get_running_loop().time() == start
        assert not dead._closed.is_set()  # noqa: SLF001 -- who holds it may still ask it
    await until(dead._closed.is_set)  # noqa: SLF001 -- nothing else tells
    assert pool.resident() == ("d", "a")
    assert pool.standing.unavailable() == {}


async def test_the_memory_of_a_dead_engine_is_free_for_who_waits_though_nobody_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.pool.LOOK_S", 0.05)
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        waiting = asyncio.create_task(use(pool, "b"))
        await asyncio.sleep(0.02)
        shop.engines["a"].die()
        await asyncio.wait_for(waiting, 30)
    assert pool.resident() == ("b",)


@virtual_time
async def test_who_died_before_anything_was_said_does_not_rest() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        shop.engines["a"].die()
        pool.standing.excuse("a")
    assert pool.standing.unavailable() == {}
    await use(pool, "a")
    assert shop.built == ["a", "a"]


@virtual_time
async def test_an_excuse_holds_up_nobody_and_ends_when_the_engine_is_well() -> None:
    """An engine that only rests goes on serving who holds it, and whoever comes."""
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        async with pool.engine("a"):
            shop.engines["a"].illness = "a: rests for 30 s"
            pool.standing.excuse("a")
        await asyncio.wait_for(use(pool, "a"), 1)
        shop.engines["a"].illness = None
        await asyncio.wait_for(use(pool, "a"), 1)
        shop.engines["a"].illness = "a: rests for 60 s"
    assert pool.standing.unavailable() == {"a": "a: rests for 60 s"}


@virtual_time
async def test_a_server_that_is_left_alone_is_not_excused() -> None:
    shop = Workshop()
    pool = shop.pool(1, kind="remote")
    async with pool.engine("a"):
        shop.engines["a"].illness = "a: nobody is there"
        pool.standing.excuse("a")
    assert list(pool.standing.unavailable()) == ["a"]


async def test_a_model_that_responded_in_full_starts_over_with_its_rests() -> None:
    shop = Workshop()
    pool = shop.pool(1, rest_s=0.02)
    for forgiven in (False, True):
        async with pool.engine("a"):
            shop.engines["a"].illness = "a: died"
        if forgiven:
            pool.standing.forgive("a")
        else:
            await until(lambda: pool.standing.unavailable() == {})
    await asyncio.wait_for(use(pool, "a"), 30)
    assert shop.built == ["a", "a", "a"]


@virtual_time
async def test_who_is_left_alone_rests_on_though_it_is_loaded_for_who_asks_all_the_same() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    pool.standing.leave_alone("a", EngineError(FailureKind.NAN, "a: no number"))
    await use(pool, "a")
    assert pool.standing.unavailable() == {"a": "a: no number"}
    assert not pool.standing.rest_ends_within("a", 14)
    await asyncio.sleep(15)
    assert pool.standing.unavailable() == {}


async def test_a_server_that_stays_away_is_one_error_and_its_return_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    pool = Workshop().pool(1, kind="remote")
    for why in ("refused", "refused", "refused", "unknown", "unknown", None, "refused"):
        if why is None:
            pool.standing.loaded("a")
        else:
            pool.standing.refused("a", EngineError(FailureKind.BACKEND, f"a: {why}"))
    await pool.close()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "a: not loaded (backend): refused"),
        ("ERROR", "a: not loaded (backend): unknown"),
        ("WARNING", "a: its server is there again"),
        ("ERROR", "a: not loaded (backend): refused"),
    ]


async def test_a_model_of_ours_that_fails_again_is_an_error_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = Workshop().pool(1)
    for _ in range(2):
        pool.standing.refused("a", EngineError(FailureKind.BACKEND, "a: disk gone"))
    assert caplog.messages == ["a: not loaded (backend): disk gone"] * 2
