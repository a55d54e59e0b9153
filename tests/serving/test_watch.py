"""Deadlines and first tokens on the event loop's clock."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from serving.engine import Done, Failed, FailureKind
from serving.watch import Watch
from tests.serving.virtual_time import virtual_time


async def ticking(*gaps: float) -> AsyncGenerator[float]:
    for gap in gaps:
        await asyncio.sleep(gap)
        yield gap


@virtual_time
async def test_items_pass_until_the_deadline_of_the_whole() -> None:
    watch, stream = Watch(2.5), ticking(1, 1, 1)
    assert [await watch.next(stream), await watch.next(stream)] == [1, 1]
    with pytest.raises(TimeoutError):
        await watch.next(stream)
    assert watch.seconds == 2.5


@virtual_time
async def test_the_first_token_has_a_limit_of_its_own() -> None:
    watch, stream = Watch(100), ticking(1, 1, 1)
    assert await watch.next(stream, first_s=1.5) == 1  # an item, but no token
    with pytest.raises(TimeoutError):
        await watch.next(stream, first_s=1.5)


@virtual_time
async def test_after_the_first_token_only_the_whole_is_limited() -> None:
    watch, stream = Watch(100), ticking(1, 50)
    await watch.next(stream, first_s=1.5)
    watch.mark()
    assert await watch.next(stream, first_s=1.5) == 50
    assert await watch.next(stream, first_s=1.5) is None
    watch.mark()
    assert watch.done("stop", 2) == Done("stop", 2, 51.0, 1.0)


@virtual_time
async def test_a_lost_response_says_after_how_long() -> None:
    watch = Watch()
    await asyncio.sleep(3)
    assert watch.failed(FailureKind.NAN, "c", 4) == Failed(FailureKind.NAN, "c", 4, 3.0)


@virtual_time
async def test_what_follows_a_whole_response_is_waited_for_a_moment_and_not_its_time() -> None:
    watch, stream = Watch(100), ticking(1, 0.5, 50)
    await watch.next(stream)
    watch.mark()
    watch.whole(2)
    assert await watch.next(stream) == 0.5
    watch.whole(2)  # it is no more whole than it was
    with pytest.raises(TimeoutError):
        await watch.next(stream)
    assert watch.seconds == 3.0
    assert watch.done("stop", 2) == Done("stop", 2, 1.0, 1.0)


@virtual_time
async def test_a_moment_lengthens_no_deadline() -> None:
    watch, stream = Watch(1), ticking(50)
    watch.whole(2)
    with pytest.raises(TimeoutError):
        await watch.next(stream)
    assert watch.seconds == 1.0
