"""A process of engines that lives: what is asked and said passes through, and it ends when told."""

import asyncio
import logging

import pytest

from serving.engine import Delta, Done, EngineError, FailureKind, Prompt
from serving.letters import Close, Load
from serving.spec import ModelSpec
from tests.serving.bad_process import Start, events, failure, is_there, load, text, until


async def test_streams_answers_and_ends(start: Start) -> None:
    process = start()
    engine = load(process)
    said = await events(engine)
    assert (text(said), said[-1]) == ("aaaaaa", Done("stop", 6, 0.2, 0.1))
    assert (engine.footprint, engine.health(), process.death) == (5, None, None)
    process.end()
    assert not is_there(process.pid)


async def test_an_order_is_answered_with_the_bytes_that_its_engine_holds(start: Start) -> None:
    process, spec = start(), ModelSpec(name="m", kind="scripted")
    loaded = process.order(lambda number: Load(number, spec))
    footprint = await asyncio.wrap_future(loaded)
    closed = await asyncio.wrap_future(process.order(lambda number: Close(number, 1)))
    assert [(type(said), said) for said in (footprint, closed)] == [(int, 5), (int, 0)]
    process.end()


async def test_text_comes_while_it_is_made(start: Start) -> None:
    stream = load(start()).stream(Prompt.of("hang 1"))
    assert await asyncio.wait_for(anext(stream), 20) == Delta("a")
    await stream.aclose()


async def test_a_model_that_cannot_be_loaded_is_told_as_the_pool_tells_it(start: Start) -> None:
    process = start()
    with pytest.raises(EngineError, match=r"^m: cannot be loaded: disk gone$") as caught:
        load(process, "m", "unloadable")
    assert caught.value.kind is FailureKind.BACKEND
    assert isinstance((await events(load(process)))[-1], Done)


async def test_ctrl_c_is_for_the_parent(start: Start) -> None:
    assert isinstance((await events(load(start()), "interrupt 1"))[-1], Done)


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
    await until(lambda: "cpu said: Assertion `index < size` failed." in caplog.text)


async def test_ending_cancels_what_is_open(start: Start) -> None:
    process = start()
    reading = asyncio.create_task(events(load(process), "hang 1"))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(process.end)
    assert failure(await reading).kind is FailureKind.CANCELLED
