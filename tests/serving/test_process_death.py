"""A process of engines dies in every way: who reads is told once and why, and nothing is left."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from serving.engine import Done, EngineError, FailureKind
from tests.serving.bad_process import Start, events, failure, is_there, load, text, until


@pytest.mark.parametrize(
    ("way", "verdict"),
    [
        pytest.param("kill", "was ended by SIGKILL", id="killed"),
        pytest.param("segfault", "was ended by SIGSEGV", id="segmentation fault"),
        pytest.param("exit", "ended with status 7", id="exit"),
    ],
)
@pytest.mark.parametrize("step", [0, 3])
async def test_a_death_ends_every_stream_once_with_its_cause(
    start: Start, way: str, verdict: str, step: int
) -> None:
    process = start()
    engine, beside = load(process, "m"), load(process, "n")
    innocent = asyncio.create_task(events(beside, "hang 1"))
    said = await events(engine, f"{way} {step}")
    assert text(said) in ("a" * step, "a" * max(step - 1, 0))  # the last may not have been written
    for end in (failure(said), failure(await innocent)):
        assert end.kind is FailureKind.PROCESS_DEAD
        assert end.cause.startswith(f"the process of all models on cpu {verdict}")
    assert verdict in (engine.health() or "")
    assert verdict in (beside.health() or "")
    assert not is_there(process.pid)


async def test_the_last_words_of_a_crash_are_in_the_log(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await events(load(start()), "segfault 0")
    (record,) = (r for r in caplog.records if r.levelno == logging.ERROR)
    assert "Fatal Python error: Segmentation fault" in record.getMessage()
    assert "_segfault" in record.getMessage()


async def test_other_processes_are_not_touched(start: Start) -> None:
    one, two = load(start()), load(start())
    reading = asyncio.create_task(events(two))
    await events(one, "kill 0")
    assert isinstance((await reading)[-1], Done)
    assert two.health() is None


async def test_a_dead_process_refuses_everything_and_closes_at_once(start: Start) -> None:
    process = start()
    engine = load(process)
    await events(engine, "kill 0")
    assert failure(await events(engine)).kind is FailureKind.PROCESS_DEAD
    with pytest.raises(
        EngineError, match="n: not loaded: the process of all models on cpu was ended"
    ) as caught:
        load(process, "n")
    assert caught.value.kind is FailureKind.PROCESS_DEAD
    await asyncio.wait_for(engine.close(), 10)


async def test_the_death_of_an_idle_process_is_known_at_once(start: Start) -> None:
    process = start()
    engine = load(process)
    os.kill(process.pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # it was known even sooner
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 -- no turn for others
    assert engine.health() is not None
    assert process.death is not None
    end = failure(await events(engine))
    assert (end.kind, "\n" in end.cause) == (FailureKind.PROCESS_DEAD, False)


async def test_the_pipe_of_the_dead_is_closed_when_nobody_writes_to_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number is that of the next pipe: what is written late would end another process."""
    process = start()
    pipe = process._connection  # noqa: SLF001 -- to be slow between two steps of the system
    send, close = pipe.send, pipe.close
    writing, told, closed = threading.Event(), threading.Event(), threading.Event()
    amid: list[bool] = []

    def write_slowly(order: object) -> None:
        writing.set()
        told.wait(0.5)
        try:
            send(order)
        finally:
            writing.clear()

    def close_while_it_writes() -> None:
        writing.wait(0.5)
        amid.append(writing.is_set())
        told.set()
        close()
        closed.set()

    monkeypatch.setattr(pipe, "send", write_slowly)
    monkeypatch.setattr(pipe, "close", close_while_it_writes)
    process.kill()
    assert await asyncio.to_thread(closed.wait, 20)
    assert amid == [False]


async def test_its_end_is_seen_where_another_process_still_holds_its_pipe(start: Start) -> None:
    """One that it started, in a library or in code of a checkpoint, may outlive it."""
    process = start()
    assert "ended with status 7" in failure(await events(load(process), "orphan 2")).cause
    await until(lambda: not process._threads["read"].is_alive())  # noqa: SLF001 -- else `end` waits


async def test_how_it_ended_is_known_while_it_is_buried(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start()
    amid, told = threading.Event(), threading.Event()
    bury = process._process.bury  # noqa: SLF001 -- to look in between

    def bury_slowly() -> str:
        said = bury()
        amid.set()
        told.wait(20)
        return said

    monkeypatch.setattr(process._process, "bury", bury_slowly)  # noqa: SLF001
    os.kill(process.pid, signal.SIGKILL)
    assert await asyncio.to_thread(amid.wait, 20)
    assert process.death == "the process of all models on cpu was ended by SIGKILL"
    told.set()


async def test_the_first_line_of_a_cause_is_a_whole_sentence(start: Start) -> None:
    first, second, *rest = failure(await events(load(start()), "segfault 0")).cause.split("\n")
    assert first == "the process of all models on cpu was ended by SIGSEGV"
    assert (second, rest != []) == ("It said last:", True)


async def test_a_death_while_a_model_loads_refuses_the_model(start: Start) -> None:
    with pytest.raises(EngineError, match=r"m: not loaded: .*SIGSEGV") as caught:
        await asyncio.to_thread(load, start(), "m", "deadly")
    assert caught.value.kind is FailureKind.PROCESS_DEAD


@pytest.mark.parametrize("way", ["poison", "spoil"])
async def test_a_spoilt_device_ends_every_stream_in_the_same_way_whoever_saw_it(
    start: Start, way: str
) -> None:
    process = start()
    engine, beside = load(process, "m"), load(process, "n")
    innocent = asyncio.create_task(events(beside, "hang 2"))
    said = await events(engine, f"{way} 2")
    assert text(said) == "aa"
    assert failure(said) == failure(await innocent)
    assert failure(said).kind is FailureKind.PROCESS_DEAD
    first, *more = failure(said).cause.splitlines()
    assert first == "the process of all models on cpu ended with status 86"
    assert any("CUDA error: device-side assert" in line for line in more)


async def test_a_model_that_loads_onto_a_spoilt_device_is_not_to_blame(start: Start) -> None:
    process = start()
    with pytest.raises(EngineError, match="ended with status 86") as caught:
        await asyncio.to_thread(load, process, "m", "spoiling")
    assert caught.value.kind is FailureKind.PROCESS_DEAD  # so it is tried once more


ORPHANED = """
import asyncio, os, sys, time
from serving.away import AwayEngine
from serving.engine import Prompt
from serving.process import EngineProcess
from serving.spec import ModelSpec

async def main():
    process = EngineProcess("cpu", module="tests.serving.bad_child")
    engine = AwayEngine(ModelSpec(name="m", kind="scripted"), process, lambda: None)
    async for _ in engine.stream(Prompt.of(sys.argv[1])):
        print(process.pid, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("asked", ["hang 1", "sleep 2", "hold 2"])
def test_the_death_of_the_parent_is_the_end(asked: str) -> None:
    command = [sys.executable, "-c", ORPHANED, asked]
    env = {**os.environ, "EVENHAND_STUCK_S": "4.5"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:  # noqa: S603
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    deadline = time.monotonic() + 60
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_there(pid)
