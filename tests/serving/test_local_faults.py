"""A real tiny model that fails, is late, is left or is closed: one end each, and no trace."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
import torch

from serving.engine import Delta, Done, EngineError, Event, Failed, FailureKind, Prompt
from serving.local import build
from tests.serving.faults import Faulty, lost_device, out_of_memory
from tests.serving.tiny import (
    ASK,
    ENDLESS,
    GREEDY,
    SOURCES,
    events,
    failure,
    model_of,
    running,
    source_of,
    spec_of,
    text,
)


@pytest.mark.parametrize("plain", SOURCES)
@pytest.mark.parametrize("sampling", [GREEDY, {"temperature": 1.0}], ids=["greedy", "sampled"])
async def test_what_is_not_a_number_fails_and_is_never_shown(
    checkpoint: Path, sampling: dict[str, float], *, plain: bool
) -> None:
    async with running(checkpoint, plain=plain, sampling=sampling) as engine:
        faulty = Faulty(model_of(engine), 3, times=1000)
        said = await events(engine)
        faulty.remove()
    assert failure(said).kind is FailureKind.NAN
    assert failure(said).tokens == 3


@pytest.mark.parametrize("plain", SOURCES)
async def test_a_single_fault_is_survived_with_the_same_text(
    checkpoint: Path, *, plain: bool
) -> None:
    async with running(checkpoint, plain=plain) as engine:
        whole = text(await events(engine))
        source = source_of(engine)
        faulty = Faulty(model_of(engine), 4)
        assert text(await events(engine)) == whole
        assert source_of(engine) is not source
        faulty.remove()
        assert engine.health() is None


@pytest.mark.parametrize("plain", SOURCES)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(out_of_memory, FailureKind.OUT_OF_MEMORY, id="out of memory"),
        pytest.param(lost_device, FailureKind.PROCESS_DEAD, id="lost device"),
    ],
)
@pytest.mark.parametrize("step", [0, 5])
async def test_a_lasting_fault_has_its_kind(
    checkpoint: Path, fault: Callable[[], None], kind: FailureKind, step: int, *, plain: bool
) -> None:
    async with running(checkpoint, plain=plain) as engine:
        faulty = Faulty(model_of(engine), step, times=1000, fault=fault)
        said = await events(engine)
        faulty.remove()
    assert failure(said).kind is kind
    assert sum(isinstance(event, Done | Failed) for event in said) == 1


async def test_a_model_that_keeps_dying_rests(checkpoint: Path) -> None:
    async with running(checkpoint) as engine:
        faulty = Faulty(model_of(engine), 0, times=1000, fault=lost_device)
        await events(engine)
        faulty.remove()
        assert "rests" in (engine.health() or "")
        assert failure(await events(engine)).kind is FailureKind.PROCESS_DEAD


async def test_a_manager_that_dies_silently_is_noticed_and_rebuilt(checkpoint: Path) -> None:
    async with running(checkpoint) as engine:
        dead = source_of(engine)
        dead._manager.stop(block=True)  # noqa: SLF001 -- as after a crash: no thread, no event
        said = await events(engine)
        assert isinstance(said[-1], Done)
        assert source_of(engine) is not dead


async def test_requests_that_die_together_are_all_served_in_the_end(checkpoint: Path) -> None:
    async with running(checkpoint) as engine:
        prompts = [Prompt.of("same", seed=i) for i in range(4)]
        whole = [text(await events(engine, prompt)) for prompt in prompts]
        faulty = Faulty(model_of(engine), 5)
        said = await asyncio.gather(*(events(engine, prompt) for prompt in prompts))
        faulty.remove()
    assert [text(one) for one in said] == whole


@pytest.mark.parametrize("plain", SOURCES)
async def test_leaving_a_stream_frees_its_place(checkpoint: Path, *, plain: bool) -> None:
    async with running(checkpoint, plain=plain, output_tokens=200, batch=1) as engine:
        for _ in range(3):
            stream: AsyncGenerator[Event] = engine.stream(ASK)
            await anext(stream)
            await stream.aclose()
        said = await asyncio.wait_for(events(engine, Prompt(ASK.messages, max_tokens=3)), 20)
    assert isinstance(said[-1], Done)


@pytest.mark.parametrize("plain", SOURCES)
async def test_closing_gives_open_streams_a_final_event(endless: Path, *, plain: bool) -> None:
    async with running(endless, plain=plain, **ENDLESS) as engine:
        stream = engine.stream(ASK)
        assert isinstance(await anext(stream), Delta)
        await engine.close()
        said = [event async for event in stream]
    assert failure(said).kind is FailureKind.CANCELLED
    assert failure(await events(engine)).kind is FailureKind.CANCELLED


@pytest.mark.parametrize("plain", SOURCES)
async def test_a_deadline_ends_a_slow_response(checkpoint: Path, *, plain: bool) -> None:
    async with running(checkpoint, plain=plain, output_tokens=200) as engine:
        faulty = Faulty(model_of(engine), 0, times=1000, fault=lambda: time.sleep(0.03))
        said = await events(engine, Prompt(ASK.messages, deadline_s=0.3))
        faulty.remove()
    assert failure(said).kind is FailureKind.DEADLINE
    assert failure(said).seconds >= 0.3
    assert failure(said).tokens < 200


async def test_an_engine_that_is_closed_leaves_no_thread_and_no_weights(checkpoint: Path) -> None:
    before = set(threading.enumerate())
    async with running(checkpoint) as engine:
        started = {thread for thread in threading.enumerate() if thread.daemon} - before
        assert started
    assert not any(thread.is_alive() for thread in started)
    del engine
    gc.collect()
    alive = [o for o in gc.get_objects() if type(o).__name__ == "LlamaForCausalLM"]
    assert alive == []


async def test_threads_of_an_engine_do_not_keep_the_process_alive(checkpoint: Path) -> None:
    before = set(threading.enumerate())
    async with running(checkpoint):
        assert all(thread.daemon for thread in set(threading.enumerate()) - before)


def test_a_context_larger_than_the_checkpoints_is_refused(checkpoint: Path) -> None:
    with pytest.raises(EngineError, match="more than the 512") as caught:
        build(spec_of(checkpoint, context_tokens=4096))
    assert caught.value.kind is FailureKind.CONTEXT


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EngineError, match="is no safetensors file") as caught:
        build(spec_of(tmp_path))
    assert caught.value.kind is FailureKind.BACKEND


def test_a_device_that_is_not_there_is_named(checkpoint: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(EngineError, match="set device to cpu or auto"):
        build(spec_of(checkpoint, device="cuda"))
