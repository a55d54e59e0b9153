"""Where a pool puts models: what they take, what they share, and which card they get."""

import asyncio

import pytest

from serving.engine import EngineError
from serving.pool import Pool
from serving.spec import ModelSpec
from tests.serving.workshop import Sized, use


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
    await asyncio.wait_for(use(pool, "c"), 30)
    assert pool.resident() == ("c",)


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
    await asyncio.wait_for(use(pool, "a", "b"), 30)
    assert pool.places() == {"a": "cuda:0", "b": "cuda:1"}


async def test_a_device_that_is_not_there_is_told_and_left_out() -> None:
    pool = on_cards({"a": 1}, {"a": "cuda:5"})
    with pytest.raises(EngineError, match="device cuda:5 is not there"):
        await use(pool, "a")
    assert list(pool.standing.unavailable()) == ["a"]
