"""What a pool does about models that load, ahead or not, and those that cannot be loaded."""

import asyncio
import threading

import pytest

from serving.engine import EngineError, FailureKind
from serving.pool import Pool
from serving.spec import ModelSpec
from tests.serving.workshop import Sized, Workshop, until, use


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


async def test_a_model_that_cannot_be_loaded_is_not_tried_again_at_once() -> None:
    broken = EngineError(FailureKind.TEMPLATE, "a: no template")
    shop = Workshop(broken={"a": broken})
    pool = shop.pool(1)
    for _ in range(3):
        with pytest.raises(EngineError, match="no template") as caught:
            await use(pool, "a")
        assert caught.value.kind is FailureKind.TEMPLATE
    assert shop.built == ["a"]
    assert pool.standing.unavailable() == {"a": "a: no template"}
    await asyncio.wait_for(use(pool, "b"), 30)  # its memory is free again


async def test_a_model_that_could_not_be_loaded_is_tried_again_later() -> None:
    shop = Workshop(broken={"a": RuntimeError("disk gone")})
    pool = shop.pool(1, rest_s=0.02)
    with pytest.raises(EngineError, match="a: cannot be loaded: disk gone"):
        await use(pool, "a")
    shop.broken.clear()
    await asyncio.sleep(0.03)
    await use(pool, "a")
    assert pool.standing.unavailable() == {}


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
    assert list(pool.standing.unavailable()) == rests
    said = ["a: not loaded: it was killed; tried once more"]
    said += ["a: not loaded (process_dead): it was killed"]
    assert caplog.messages == said[:deaths]


async def test_a_model_larger_than_the_budget_is_left_out_of_pairing() -> None:
    specs = [ModelSpec(name=name, kind="scripted") for name in "ab"]
    sizes = {"a": 5, "b": 1}
    pool = Pool(
        specs, 4, build=lambda spec: Sized(spec, 1), measure=lambda spec: {"w": sizes[spec.name]}
    )
    with pytest.raises(EngineError, match="a needs"):
        await use(pool, "a")
    assert list(pool.standing.unavailable()) == ["a"]


async def test_warming_loads_ahead_as_many_as_fit() -> None:
    shop = Workshop()
    pool = shop.pool(2)
    await pool.warm("abc")
    assert pool.resident() == ("a", "b")


async def test_warming_asks_all_servers_at_one_time() -> None:
    """One that hangs takes seconds, and there may be sixteen of them."""
    shop = Workshop(held={name: threading.Event() for name in "abc"})
    pool = shop.pool(4, kind="remote")
    warming = asyncio.create_task(pool.warm("abcd"))
    await until(lambda: "d" in shop.built)
    for held in shop.held.values():
        held.set()
    await warming
    assert sorted(pool.resident()) == list("abcd")
    await pool.close()


async def test_a_broken_model_does_not_stop_the_others_from_warming(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Workshop(broken={"b": EngineError(FailureKind.TEMPLATE, "b: no template")})
    pool = shop.pool(3)
    await pool.warm("abc")
    assert pool.resident() == ("a", "c")
    assert list(pool.standing.unavailable()) == ["b"]
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
    assert pool.standing.unavailable() == {"b": "b: no config.json"}
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


@pytest.mark.parametrize("names", ["ab", "ba"])
async def test_who_needs_two_models_hears_at_once_that_one_cannot_be_loaded(names: str) -> None:
    """The other one may load for minutes; it goes on doing so, for others."""
    shop = Workshop(
        broken={"a": EngineError(FailureKind.BACKEND, "a: nobody is there")},
        held={"b": threading.Event()},
    )
    pool = shop.pool(2, kind="remote")
    with pytest.raises(EngineError, match="nobody is there"):
        await asyncio.wait_for(use(pool, *names), 30)
    shop.held["b"].set()
    await use(pool, "b")
    assert shop.built.count("b") == 1
    await pool.close()


async def test_leaving_while_it_loads_leaves_the_model_for_others() -> None:
    shop = Workshop(held={"a": threading.Event()})
    pool = shop.pool(1)
    gone = asyncio.create_task(use(pool, "a"))
    await asyncio.sleep(0.01)
    gone.cancel()
    shop.held["a"].set()
    await until(lambda: pool.resident() == ("a",))
    await asyncio.wait_for(use(pool, "b"), 30)
