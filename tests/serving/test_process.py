"""A process of engines dies in every way: who reads is told once and why, and nothing is left."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from serving.away import AwayEngine
from serving.engine import Delta, Done, EngineError, Event, Failed, FailureKind, Prompt
from serving.process import ANSWER_S, SILENCE_S, EngineProcess
from serving.spec import ModelSpec

Start = Callable[..., EngineProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a starter of processes that break; none outlives the test."""
    started: list[EngineProcess] = []

    def one(silence_s: float = SILENCE_S, answer_s: float = ANSWER_S) -> EngineProcess:
        process = EngineProcess(
            "cpu", module="tests.serving.bad_child", silence_s=silence_s, answer_s=answer_s
        )
        started.append(process)
        return process

    yield one
    for process in started:
        process.end()


def load(process: EngineProcess, name: str = "m", *told: str) -> AwayEngine:
    return AwayEngine(ModelSpec(name=name, kind="scripted", responses=told), process, lambda: None)


async def events(engine: AwayEngine, asked: str = "well") -> list[Event]:
    stream = engine.stream(Prompt.of(asked))
    return await asyncio.wait_for(_all(stream), 20)


async def _all(stream: object) -> list[Event]:
    return [event async for event in stream]  # type: ignore[attr-defined]


def failure(said: list[Event]) -> Failed:
    assert [type(event) for event in said[:-1]] == [Delta] * (len(said) - 1)
    assert isinstance(said[-1], Failed)
    return said[-1]


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


def is_there(pid: int) -> bool:
    """Tell whether a process runs or is a zombie."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def test_streams_answers_and_ends(start: Start) -> None:
    process = start()
    engine = load(process)
    said = await events(engine)
    assert (text(said), said[-1]) == ("aaaaaa", Done("stop", 6, 0.2, 0.1))
    assert (engine.footprint, engine.health(), process.death) == (5, None, None)
    process.end()
    assert not is_there(process.pid)


async def test_text_comes_while_it_is_made(start: Start) -> None:
    """Six chunks in 0.2 s are more than one piece of news and no more than one each 0.02 s."""
    assert 2 <= len(await events(load(start()))) - 1 <= 6


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
    await asyncio.wait_for(engine.close(), 1)


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


async def test_the_first_line_of_a_cause_is_a_whole_sentence(start: Start) -> None:
    first, second, *rest = failure(await events(load(start()), "segfault 0")).cause.split("\n")
    assert first == "the process of all models on cpu was ended by SIGSEGV"
    assert (second, rest != []) == ("It said last:", True)


async def test_a_death_while_a_model_loads_refuses_the_model(start: Start) -> None:
    with pytest.raises(EngineError, match=r"m: not loaded: .*SIGSEGV") as caught:
        await asyncio.to_thread(load, start(), "m", "deadly")
    assert caught.value.kind is FailureKind.PROCESS_DEAD


async def test_a_model_that_cannot_be_loaded_is_told_as_the_pool_tells_it(start: Start) -> None:
    process = start()
    with pytest.raises(EngineError, match=r"^m: cannot be loaded: disk gone$") as caught:
        load(process, "m", "unloadable")
    assert caught.value.kind is FailureKind.BACKEND
    assert isinstance((await events(load(process)))[-1], Done)


@pytest.mark.parametrize("way", ["sleep", "hold", "stop"])
async def test_a_process_that_hangs_is_killed(start: Start, way: str) -> None:
    process = start(silence_s=3.0)
    end = failure(await events(load(process), f"{way} 2"))
    assert end.kind is FailureKind.PROCESS_DEAD
    assert "because it gave no sign of life for 3 s" in end.cause
    if way != "stop":  # who is stopped cannot even say where
        assert "bad_child.py" in end.cause
    assert not is_there(process.pid)


async def test_a_cancellation_that_is_not_heard_kills(start: Start) -> None:
    process = start(answer_s=1.0)
    stream = load(process).stream(Prompt.of("deaf 1"))
    await anext(stream)
    await asyncio.sleep(0.3)
    await stream.aclose()
    await _until(lambda: process.death is not None)
    assert "ended no stream or engine within 1 s" in (process.death or "")


async def test_who_waits_for_a_model_to_load_is_late_only_afterwards(start: Start) -> None:
    """Closing a model waits for the one that loads, which may take minutes."""
    process = start(answer_s=1.0)
    closing = asyncio.create_task(load(process, "m", "clinging").close())
    await asyncio.sleep(0)
    other = await asyncio.to_thread(load, process, "n", "slow")
    assert other.health() is None
    await asyncio.wait_for(closing, 10)
    assert process.death is not None


async def test_an_engine_that_does_not_close_is_killed(start: Start) -> None:
    process = start(answer_s=1.0)
    await asyncio.wait_for(load(process, "m", "clinging").close(), 10)
    assert process.death is not None


async def test_a_cancellation_that_is_heard_kills_nobody(start: Start) -> None:
    process = start(answer_s=1.0)
    engine = load(process)
    for asked in ("hang 0", "hang 1"):
        reading = asyncio.create_task(events(engine, asked))
        await asyncio.sleep(0.1)
        reading.cancel()
    await asyncio.sleep(2.0)
    assert isinstance((await events(engine))[-1], Done)


async def test_ctrl_c_is_for_the_parent(start: Start) -> None:
    assert isinstance((await events(load(start()), "interrupt 1"))[-1], Done)


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


async def test_a_process_in_which_nobody_speaks_until_the_deadline_ends(start: Start) -> None:
    process = start()
    engine = load(process)
    assert failure(await events(engine, "late 0")).kind is FailureKind.DEADLINE
    await _until(lambda: "no engine said a word" in (process.death or ""))
    assert "ended with status 87" in (process.death or "")


async def test_a_slow_model_beside_one_that_speaks_is_only_slow(start: Start) -> None:
    process = start()
    engine = load(process)
    beside = asyncio.gather(events(engine, "hang 1"), return_exceptions=True)
    slow = asyncio.create_task(events(engine, "late 0"))
    await asyncio.sleep(0.3)
    assert isinstance((await events(engine))[-1], Done)
    assert failure(await slow).kind is FailureKind.DEADLINE
    await asyncio.sleep(0.3)
    assert process.death is None
    beside.cancel()


async def test_a_bug_fails_its_stream_and_no_other(start: Start) -> None:
    engine = load(start())
    end = failure(await events(engine, "raise 1"))
    assert (end.kind, end.cause) == (FailureKind.BACKEND, "ValueError: a bug")
    assert engine.health() is None


async def test_an_ailing_engine_is_known_without_asking(start: Start) -> None:
    process = start()
    engine, beside = load(process, "m"), load(process, "n")
    await events(engine, "ail 2")
    assert (engine.health(), beside.health()) == ("m: rests", None)


async def test_what_the_process_logs_is_in_the_parents_log(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await events(load(start()), "complain 1")
    (odd,) = (record for record in caplog.records if record.name == "tests.bad")
    assert odd.getMessage() == "m: the weights look odd"
    assert vars(odd)["trace"] == "ValueError: they are no numbers"
    await _until(lambda: "cpu said: Assertion `index < size` failed." in caplog.text)


async def test_ending_cancels_what_is_open(start: Start) -> None:
    process = start()
    reading = asyncio.create_task(events(load(process), "hang 1"))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(process.end)
    assert failure(await reading).kind is FailureKind.CANCELLED


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
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    deadline = time.monotonic() + 15
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_there(pid)


async def _until(true: Callable[[], bool]) -> None:
    """Wait for what threads are about to do."""
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")
