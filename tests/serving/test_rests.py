"""A model that failed rests, longer each time, and is tried again all the same."""

import asyncio

import pytest

from serving.engine import DEATHS, EngineError, FailureKind
from serving.rests import Rests
from tests.serving.virtual_time import virtual_time

BROKEN = EngineError(FailureKind.BACKEND, "a: no config.json")


async def rest_of(rests: Rests, name: str = "a") -> float:
    """Return how long a model rests from now on."""
    start = asyncio.get_running_loop().time()
    for _ in range(10_000):
        if name not in rests.reasons():
            break
        await asyncio.sleep(1)
    return asyncio.get_running_loop().time() - start


@virtual_time
async def test_each_rest_is_twice_as_long_up_to_ten_minutes() -> None:
    rests = Rests(15)
    lengths = []
    for _ in range(8):
        rests.add("a", BROKEN)
        lengths.append(await rest_of(rests))
    assert lengths == [15, 30, 60, 120, 240, 480, 600, 600]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"until_found": True}, id="a server, without a battle"),
        pytest.param({"shared": True}, id="many models, with one battle for all"),
    ],
)
@virtual_time
async def test_who_is_asked_at_little_cost_is_asked_each_minute(how: dict[str, bool]) -> None:
    rests = Rests(15)
    lengths = []
    for _ in range(5):
        rests.add("a", BROKEN, **how)
        lengths.append(rests.left("a"))
        await asyncio.sleep(rests.left("a"))
    assert lengths == [15, 30, 60, 60, 60]


@virtual_time
async def test_who_rests_is_refused_with_the_cause_and_others_are_not() -> None:
    rests = Rests(15)
    rests.add("a", BROKEN)
    with pytest.raises(EngineError, match=r"no config\.json") as refused:
        rests.check("a")
    assert refused.value.kind is FailureKind.BACKEND
    rests.check("b")
    assert rests.reasons() == {"a": "a: no config.json"}
    await asyncio.sleep(15)
    rests.check("a")


@virtual_time
async def test_a_rest_that_ended_early_is_remembered() -> None:
    rests = Rests(15)
    rests.add("a", BROKEN)
    rests.cut_short("a")
    rests.check("a")
    rests.add("a", BROKEN)
    assert await rest_of(rests) == 30


@virtual_time
async def test_that_a_model_can_be_loaded_ends_no_rest_of_one_whose_engine_was_well() -> None:
    rests = Rests(15)
    rests.add("a", BROKEN, refused=False)
    rests.cut_short("a")
    rests.check("a")
    assert await rest_of(rests) == 15


@virtual_time
async def test_a_failure_of_long_ago_is_forgotten() -> None:
    rests = Rests(15)
    rests.add("a", BROKEN)
    await asyncio.sleep(3600)
    rests.add("a", BROKEN)
    assert await rest_of(rests) == 15


@pytest.mark.parametrize("kind", sorted(DEATHS))
@virtual_time
async def test_a_dead_engine_is_tried_again_soon_and_then_less_soon(kind: FailureKind) -> None:
    rests = Rests(15)
    lengths = []
    for _ in range(6):
        rests.add("a", EngineError(kind, "its process was killed"))
        lengths.append(await rest_of(rests))
    assert lengths == [1, 2, 4, 8, 16, 32]


@virtual_time
async def test_what_is_forgiven_rests_no_more_and_starts_over() -> None:
    rests = Rests(15)
    for _ in range(3):
        rests.add("a", BROKEN)
    rests.forgive("a")
    rests.check("a")
    rests.add("a", BROKEN)
    assert await rest_of(rests) == 15


@virtual_time
async def test_a_rest_until_somebody_is_found_is_listed_until_then_and_refused_no_longer() -> None:
    rests = Rests(15)
    rests.add("a", BROKEN, until_found=True)
    assert rests.left("a") == 15
    await asyncio.sleep(20)
    rests.check("a")
    assert (rests.left("a"), list(rests.reasons())) == (0, ["a"])
    rests.cut_short("a")
    assert rests.reasons() == {}
