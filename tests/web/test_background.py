"""Work that is done in the background: once at a time, and less often where it fails."""

import threading

import pytest

from arena.web.background import AGAIN_S, LONGEST_S, Work


class Clock:
    """A clock that stands still until it is told to go on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def begun(work: Work) -> None:
    """Begin some work, and wait until it is done."""
    task = work.start()
    assert task is not None
    await task


async def test_work_under_way_is_not_begun_again() -> None:
    go, times = threading.Event(), list[int]()

    def do() -> None:
        times.append(1)
        go.wait(10)

    work = Work("Counting", do)
    first, second = work.start(), work.start()
    go.set()
    assert first is second
    assert first is not None
    await first
    assert len(times) == 1


async def test_work_rests_for_as_long_as_it_took() -> None:
    clock = Clock()

    def do() -> None:
        clock.now += 3

    work = Work("Counting", do, clock)
    await begun(work)
    clock.now += 2.9
    assert work.start() is None
    clock.now += 0.2
    await begun(work)


async def test_work_that_fails_says_why_and_rests_longer_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, broken, rests = Clock(), True, list[float]()

    def do() -> None:
        if broken:
            raise ValueError("no table")

    work = Work("Counting", do, clock)
    for _ in range(10):
        since = clock.now
        while (task := work.start()) is None:
            clock.now += 1.0
        rests.append(clock.now - since)
        await task
        assert work.failing
    assert rests[:4] == [0, AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S]
    assert max(rests) == LONGEST_S
    said = [record for record in caplog.records if record.message.startswith("Counting failed")]
    assert len(said) == 10
    assert "no table" in caplog.text
    broken = False
    clock.now += LONGEST_S
    await begun(work)
    assert not work.failing
