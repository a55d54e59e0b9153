"""How long a process of engines may be silent before it is killed, and who is only slow."""

import asyncio

import pytest

from serving.engine import Done, EngineError, FailureKind, Prompt
from tests.serving.bad_process import Start, events, failure, is_there, load, until


@pytest.mark.parametrize("way", ["sleep", "hold", "stop", "half"])
async def test_a_process_that_hangs_is_killed(start: Start, way: str) -> None:
    process = start(silence_s=2.0)
    end = failure(await events(load(process), f"{way} 2"))
    assert end.kind is FailureKind.PROCESS_DEAD
    assert "because it gave no sign of life for 2 s" in end.cause
    if way in {"sleep", "hold"}:  # who is stopped, amid a word or not, cannot even say where
        assert "bad_child.py" in end.cause
    assert not is_there(process.pid)


async def test_a_process_whose_model_is_loaded_for_ever_is_killed(start: Start) -> None:
    """It gives signs of life: only the thread that waits for the disk stands still."""
    process = start(load_s=1.0)
    with pytest.raises(EngineError, match="because it loaded no model within 1 s") as refused:
        await asyncio.to_thread(load, process, "n", "slow")
    assert refused.value.kind is FailureKind.PROCESS_DEAD
    assert not is_there(process.pid)


async def test_a_cancellation_that_is_not_heard_kills(start: Start) -> None:
    process = start(answer_s=1.0)
    stream = load(process).stream(Prompt.of("deaf 1"))
    await anext(stream)
    await asyncio.sleep(0.3)
    await stream.aclose()
    await until(lambda: process.gone)
    assert "ended no stream or engine within 1 s" in (process.death or "")


async def test_who_waits_for_a_model_to_load_is_late_only_afterwards(start: Start) -> None:
    """Closing a model waits for the one that loads, which may take minutes."""
    process = start(answer_s=1.0)
    clinging = load(process, "m", "clinging")
    loading = asyncio.create_task(asyncio.to_thread(load, process, "n", "slow"))
    await until(lambda: bool(process._loads))  # noqa: SLF001 -- nothing else tells
    closing = asyncio.create_task(clinging.close())
    assert (await loading).health() is None
    await asyncio.wait_for(closing, 20)
    assert process.death is not None


async def test_an_engine_that_does_not_close_is_killed(start: Start) -> None:
    process = start(answer_s=1.0)
    await asyncio.wait_for(load(process, "m", "clinging").close(), 20)
    assert process.death is not None


async def test_a_cancellation_that_is_heard_kills_nobody(start: Start) -> None:
    process = start()
    engine = load(process)
    for asked in ("hang 0", "hang 1"):
        reading = asyncio.create_task(events(engine, asked))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: not process._owed)  # noqa: SLF001 -- that is what it would be killed for
    assert isinstance((await events(engine))[-1], Done)


async def test_a_process_in_which_nobody_speaks_until_the_deadline_ends(start: Start) -> None:
    process = start()
    engine = load(process)
    assert failure(await events(engine, "late 0")).kind is FailureKind.DEADLINE
    await until(lambda: "no engine said a word" in (process.death or ""))
    assert "ended with status 87" in (process.death or "")


async def test_a_slow_model_beside_one_that_speaks_is_only_slow(start: Start) -> None:
    process = start()
    engine = load(process)
    beside = asyncio.gather(events(engine, "hang 1"), return_exceptions=True)
    slow, speaks = await asyncio.gather(events(engine, "late 0"), events(engine))
    assert isinstance(speaks[-1], Done)
    assert failure(slow).kind is FailureKind.DEADLINE
    await asyncio.sleep(0.3)
    assert process.death is None
    beside.cancel()
