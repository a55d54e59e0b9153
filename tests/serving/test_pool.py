"""A pool in a budget: who is loaded, who must go, who waits, who is refused."""

import asyncio
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from serving.engine import Done, EngineError, FailureKind, Prompt
from serving.pool import Pool
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.serving.virtual_time import virtual_time


class Sized(ScriptedEngine):
    """A scripted engine that claims memory and can fall ill."""

    def __init__(self, spec: ModelSpec, footprint: int) -> None:
        super().__init__(spec)
        self.footprint = footprint
        self.illness: str | None = None
        self.lost = False

    def die(self) -> None:
        """End like an engine whose process was killed."""
        self.illness, self.lost = "its process was killed", True

    def health(self) -> str | None:
        return self.illness or super().health()


@dataclass
class Workshop:
    """Builds engines of size 1 and keeps the books."""

    built: list[str] = field(default_factory=list)
    engines: dict[str, Sized] = field(default_factory=dict)
    broken: dict[str, Exception] = field(default_factory=dict)
    held: dict[str, threading.Event] = field(default_factory=dict)

    def build(self, spec: ModelSpec) -> Sized:
        if spec.name in self.held:
            assert self.held[spec.name].wait(5)
        self.built.append(spec.name)
        if spec.name in self.broken:
            raise self.broken[spec.name]
        self.engines[spec.name] = Sized(spec, 1)
        return self.engines[spec.name]

    def pool(
        self,
        budget: int,
        names: str = "abcd",
        rest_s: float = 15.0,
        patience_s: float = 5.0,
        kind: Literal["scripted", "remote"] = "scripted",
    ) -> Pool:
        far: dict[str, Any] = (
            {"url": "http://127.0.0.1:9/v1", "remote_name": "x"} if kind == "remote" else {}
        )
        specs = [ModelSpec(name=name, kind=kind, responses=(name,), **far) for name in names]
        return Pool(
            specs,
            budget,
            build=self.build,
            measure=lambda spec: {spec.name: 1},
            rest_s=rest_s,
            patience_s=patience_s,
        )


async def use(pool: Pool, *names: str) -> None:
    async with pool.engines(*names):
        pass


async def until(true: object) -> None:
    """Wait a moment for what other tasks and threads are about to do."""
    for _ in range(200):
        if callable(true) and true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")


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
    await asyncio.wait_for(waiting, 2)
    assert pool.resident() == ("b",)


async def test_two_battles_never_hold_each_others_half() -> None:
    pool = Workshop().pool(2)

    async def battle(one: str, two: str) -> None:
        for _ in range(5):
            async with pool.engines(one, two):
                await asyncio.sleep(0)

    battles = (battle("a", "b"), battle("c", "d"), battle("b", "c"), battle("d", "a"))
    await asyncio.wait_for(asyncio.gather(*battles), 5)


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
    await asyncio.wait_for(both, 2)
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


async def test_loading_does_not_hold_up_the_event_loop() -> None:
    shop = Workshop(held={"a": threading.Event()})
    pool = shop.pool(2)
    loading = asyncio.create_task(use(pool, "a"))
    ticks = 0
    for _ in range(5):
        await asyncio.sleep(0.001)
        ticks += 1
    shop.held["a"].set()
    await loading
    assert ticks == 5


async def test_a_waiting_pair_is_not_passed_for_ever() -> None:
    pool = Workshop().pool(2, patience_s=0.0)
    async with pool.engine("a"):
        pair = asyncio.create_task(use(pool, "b", "c"))
        await asyncio.sleep(0)
        late = asyncio.create_task(use(pool, "a"))
        await asyncio.sleep(0.02)
        assert not late.done()
    await asyncio.wait_for(asyncio.gather(pair, late), 2)


async def test_loaded_models_may_pass_one_that_waits_for_memory() -> None:
    pool = Workshop().pool(2)
    async with pool.engine("a"):
        pair = asyncio.create_task(use(pool, "b", "c"))
        await asyncio.sleep(0)
        await asyncio.wait_for(use(pool, "a"), 1)
        assert not pair.done()
    await asyncio.wait_for(pair, 2)


async def test_what_can_never_fit_is_refused_at_once() -> None:
    pool = Workshop().pool(1)
    with pytest.raises(EngineError, match="a and b need") as caught:
        await use(pool, "a", "b")
    assert caught.value.kind is FailureKind.OUT_OF_MEMORY


async def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(EngineError, match="no model named z"):
        await use(Workshop().pool(1), "z")


async def test_a_model_that_cannot_be_loaded_is_not_tried_again_at_once() -> None:
    broken = EngineError(FailureKind.TEMPLATE, "a: no template")
    shop = Workshop(broken={"a": broken})
    pool = shop.pool(1)
    for _ in range(3):
        with pytest.raises(EngineError, match="no template") as caught:
            await use(pool, "a")
        assert caught.value.kind is FailureKind.TEMPLATE
    assert shop.built == ["a"]
    assert pool.unavailable() == {"a": "a: no template"}
    await asyncio.wait_for(use(pool, "b"), 2)  # its memory is free again


async def test_a_model_that_could_not_be_loaded_is_tried_again_later() -> None:
    shop = Workshop(broken={"a": RuntimeError("disk gone")})
    pool = shop.pool(1, rest_s=0.02)
    with pytest.raises(EngineError, match="a: cannot be loaded: disk gone"):
        await use(pool, "a")
    shop.broken.clear()
    await asyncio.sleep(0.03)
    await use(pool, "a")
    assert pool.unavailable() == {}


@pytest.mark.parametrize(
    ("deaths", "rests"),
    [
        pytest.param(1, [], id="the first may have been another's fault"),
        pytest.param(2, ["a"], id="the second is its own"),
    ],
)
async def test_a_process_that_dies_while_a_model_loads_is_tried_once_more(
    deaths: int, rests: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    left = [EngineError(FailureKind.PROCESS_DEAD, "a: not loaded: it was killed")] * deaths

    def build(spec: ModelSpec) -> Sized:
        if left:
            raise left.pop()
        return Sized(spec, 1)

    pool = Pool(
        [ModelSpec(name="a", kind="scripted")], 1, build=build, measure=lambda spec: {spec.name: 1}
    )
    (refusal,) = await asyncio.gather(use(pool, "a"), return_exceptions=True)
    assert isinstance(refusal, EngineError) is bool(rests)
    assert list(pool.unavailable()) == rests
    assert caplog.messages == ["a: not loaded (process_dead): it was killed"] * deaths


async def test_a_model_larger_than_the_budget_is_left_out_of_pairing() -> None:
    specs = [ModelSpec(name=name, kind="scripted") for name in "ab"]
    sizes = {"a": 5, "b": 1}
    pool = Pool(
        specs, 4, build=lambda spec: Sized(spec, 1), measure=lambda spec: {"w": sizes[spec.name]}
    )
    with pytest.raises(EngineError, match="a needs"):
        await use(pool, "a")
    assert list(pool.unavailable()) == ["a"]


async def test_a_sick_engine_is_dropped_and_rests() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        shop.engines["a"].illness = "a: died twice"
        assert pool.unavailable() == {"a": "a: died twice"}
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
    while pool.unavailable():
        await asyncio.sleep(1)
        rested += 1
    assert rested == 1


@pytest.mark.parametrize("when", ["at the start", "in a battle"])
async def test_a_server_that_is_away_is_looked_for_before_anybody_is_sent_there(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.pool.LOOK_S", 0.01)
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
        assert list(pool.unavailable()) == ["a"]
        await asyncio.sleep(0.001)
    shop.broken.clear()
    await until(lambda: not pool.unavailable())
    assert pool.resident() == ("a",)
    await pool.close()


async def test_closing_ends_the_search_for_a_server() -> None:
    shop = Workshop(broken={"a": EngineError(FailureKind.BACKEND, "a: nobody is there")})
    pool = shop.pool(1, kind="remote")
    before = asyncio.all_tasks()
    await pool.warm("a")
    await pool.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_an_idle_engine_that_died_is_loaded_again_when_it_is_wanted() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    await use(pool, "a", "b")
    shop.engines["a"].illness = "its process was killed"
    assert pool.resident() == ("b",)
    assert pool.unavailable() == {}
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
        assert pool.unavailable() == {}
        start = asyncio.get_running_loop().time()
        async with pool.engine("a") as engine:
            assert engine.health() is None
            assert engine is not dead
        assert asyncio.get_running_loop().time() == start
        assert not dead._closed.is_set()  # noqa: SLF001 -- who holds it may still ask it
    await until(dead._closed.is_set)  # noqa: SLF001 -- nothing else tells
    assert pool.resident() == ("d", "a")
    assert pool.unavailable() == {}


async def test_the_memory_of_a_dead_engine_is_free_for_who_waits_though_nobody_tells() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        waiting = asyncio.create_task(use(pool, "b"))
        await asyncio.sleep(0.02)
        shop.engines["a"].die()
        await asyncio.wait_for(waiting, 5)
    assert pool.resident() == ("b",)


@virtual_time
async def test_who_died_before_anything_was_said_does_not_rest() -> None:
    shop = Workshop()
    pool = shop.pool(1)
    async with pool.engine("a"):
        shop.engines["a"].die()
        pool.excuse("a")
    assert pool.unavailable() == {}
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
            pool.excuse("a")
        await asyncio.wait_for(use(pool, "a"), 1)
        shop.engines["a"].illness = None
        await asyncio.wait_for(use(pool, "a"), 1)
        shop.engines["a"].illness = "a: rests for 60 s"
    assert pool.unavailable() == {"a": "a: rests for 60 s"}


@virtual_time
async def test_a_server_that_is_left_alone_is_not_excused() -> None:
    shop = Workshop()
    pool = shop.pool(1, kind="remote")
    async with pool.engine("a"):
        shop.engines["a"].illness = "a: nobody is there"
        pool.excuse("a")
    assert list(pool.unavailable()) == ["a"]


async def test_a_model_that_responded_in_full_starts_over_with_its_rests() -> None:
    shop = Workshop()
    pool = shop.pool(1, rest_s=0.02)
    for forgiven in (False, True):
        async with pool.engine("a"):
            shop.engines["a"].illness = "a: died"
        if forgiven:
            pool.forgive("a")
        else:
            await until(lambda: pool.unavailable() == {})
    await asyncio.wait_for(use(pool, "a"), 1)
    assert shop.built == ["a", "a", "a"]


async def test_warming_loads_ahead_as_many_as_fit() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    await pool.warm("abc")
    assert pool.resident() == ("a", "b")


async def test_a_broken_model_does_not_stop_the_others_from_warming(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Workshop(broken={"b": EngineError(FailureKind.TEMPLATE, "b: no template")})
    pool = shop.pool(3)
    await pool.warm("abc")
    assert pool.resident() == ("a", "c")
    assert list(pool.unavailable()) == ["b"]
    assert caplog.messages == ["b: not loaded (template): no template"]


async def test_a_model_whose_files_cannot_be_read_is_told_once_when_warmed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def measure(spec: ModelSpec) -> dict[str, int]:
        if spec.name == "b":
            raise EngineError(FailureKind.BACKEND, "b: no config.json")
        return {spec.name: 1}

    specs = [ModelSpec(name=name, kind="scripted") for name in "abc"]
    pool = Pool(specs, 3, build=lambda spec: Sized(spec, 1), measure=measure)
    await pool.warm("abc")
    assert pool.resident() == ("a", "c")
    assert pool.unavailable() == {"b": "b: no config.json"}
    assert caplog.messages == ["b: not loaded (backend): no config.json"]


async def test_a_broken_model_does_not_stop_the_others_from_being_loaded_ahead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Workshop(broken={"b": EngineError(FailureKind.TEMPLATE, "b: no template")})
    pool = shop.pool(3)
    await pool.prefetch("bc")
    assert pool.resident() == ("c",)
    await pool.prefetch("bc")
    assert caplog.messages == ["b: not loaded (template): no template"]


async def test_leaving_the_queue_leaves_it_in_order() -> None:
    pool = Workshop().pool(1)
    async with pool.engine("a"):
        gone = asyncio.create_task(use(pool, "b"))
        stays = asyncio.create_task(use(pool, "c"))
        await asyncio.sleep(0.01)
        gone.cancel()
    await asyncio.wait_for(stays, 2)
    assert pool.resident() == ("c",)


async def test_leaving_while_it_loads_leaves_the_model_for_others() -> None:
    shop = Workshop(held={"a": threading.Event()})
    pool = shop.pool(1)
    gone = asyncio.create_task(use(pool, "a"))
    await asyncio.sleep(0.01)
    gone.cancel()
    shop.held["a"].set()
    await until(lambda: pool.resident() == ("a",))
    await asyncio.wait_for(use(pool, "b"), 2)


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
from serving.pool import Pool
from serving.spec import ModelSpec

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


async def test_a_footprint_larger_than_its_estimate_counts() -> None:
    specs = [ModelSpec(name=name, kind="scripted") for name in "abc"]
    pool = Pool(specs, 3, build=lambda spec: Sized(spec, 2), measure=lambda spec: {spec.name: 1})
    await use(pool, "a")
    await use(pool, "b")
    assert pool.resident() == ("b",)


async def test_models_on_shared_weights_fit_where_copies_would_not() -> None:
    specs = [ModelSpec(name=name, kind="scripted") for name in "abc"]
    parts = {"a": {"w": 4, "a": 1}, "b": {"w": 4, "b": 1}, "c": {"other": 5}}
    sizes = {"a": 5, "b": 5, "c": 5}
    pool = Pool(
        specs,
        6,
        build=lambda spec: Sized(spec, sizes[spec.name]),
        measure=lambda spec: parts[spec.name],
    )
    await use(pool, "a", "b")
    assert pool.resident() == ("a", "b")
    await asyncio.wait_for(use(pool, "c"), 2)
    assert pool.resident() == ("c",)


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
        assert "closed" in str(await asyncio.wait_for(reading, 1))


ROOMS = {"cuda:0": 10, "cuda:1": 12, "cpu": 4}


def on_cards(sizes: dict[str, int], devices: dict[str, str] | None = None) -> Pool:
    """Return a pool over two cards of models that claim what they need."""
    specs = [
        ModelSpec(name=name, kind="scripted", device=(devices or {}).get(name, "auto"))
        for name in sizes
    ]
    return Pool(
        specs,
        ROOMS,
        build=lambda spec: Sized(spec, sizes[spec.name]),
        measure=lambda spec: {spec.name: sizes[spec.name]},
    )


async def test_models_are_spread_over_the_cards() -> None:
    pool = on_cards({"a": 7, "b": 7, "c": 3})
    await pool.warm("abc")
    assert pool.places() == {"a": "cuda:1", "b": "cuda:0", "c": "cuda:1"}


async def test_an_engine_is_built_for_the_device_it_was_given() -> None:
    built: list[str] = []

    def build(spec: ModelSpec) -> Sized:
        built.append(spec.device)
        return Sized(spec, 4)

    specs = [ModelSpec(name=n, kind="scripted", device=d) for n, d in (("a", "auto"), ("b", "cpu"))]
    pool = Pool(specs, ROOMS, build=build, measure=lambda spec: {spec.name: 4})
    await use(pool, "a", "b")
    assert built == ["cuda:1", "cpu"]


async def test_each_card_drops_its_own() -> None:
    pool = on_cards({"a": 10, "b": 10, "c": 10})
    async with pool.engine("a"):
        await use(pool, "b")
        await use(pool, "c")
        assert pool.places() == {"a": "cuda:1", "c": "cuda:0"}


async def test_a_model_larger_than_a_card_takes_both() -> None:
    pool = on_cards({"small": 5, "huge": 16})
    await use(pool, "small")
    await use(pool, "huge")
    assert pool.places() == {"huge": "cuda:0+cuda:1"}


async def test_a_pair_of_which_one_lies_in_the_others_way_is_served() -> None:
    pool = on_cards({"a": 6, "b": 9}, {"b": "cuda:1"})
    await use(pool, "a")
    assert pool.places() == {"a": "cuda:1"}
    await asyncio.wait_for(use(pool, "a", "b"), 2)
    assert pool.places() == {"a": "cuda:0", "b": "cuda:1"}


async def test_a_device_that_is_not_there_is_told_and_left_out() -> None:
    pool = on_cards({"a": 1}, {"a": "cuda:5"})
    with pytest.raises(EngineError, match="device cuda:5 is not there"):
        await use(pool, "a")
    assert list(pool.unavailable()) == ["a"]
