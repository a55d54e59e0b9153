"""What every engine promises, held against each kind of engine, here and in another process.

The engine in this process is the oracle: what it says, and how it fails, the other one must too.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving.build import Builder
from serving.engine import (
    Delta,
    Done,
    Engine,
    EngineError,
    Event,
    Failed,
    FailureKind,
    Prompt,
)
from serving.spec import ModelSpec
from tests.serving.tiny import ENDLESS

WORDS = "Rayleigh scattering"
CHUNKS = 5  # of four characters
ASK = Prompt.of("Why is the sky blue?", seed=5)


@pytest.fixture(scope="module", params=["here", "away"])
def build(request: pytest.FixtureRequest) -> Iterator[Builder]:
    """Return a builder of engines in this process, or in one beside it."""
    builder = Builder("none" if request.param == "here" else "device")
    yield builder
    builder.close()


@pytest.fixture(scope="module")
def here() -> Builder:
    return Builder()


def scripted(**behaviour: Any) -> ModelSpec:  # noqa: ANN401 -- pydantic checks
    return ModelSpec(
        name="m",
        kind="scripted",
        device="cpu",
        responses=(WORDS, "Dust.", "Nobody knows."),
        behaviour=behaviour,  # type: ignore[arg-type]
    )


def local(folder: Path, **fields: Any) -> ModelSpec:  # noqa: ANN401 -- pydantic checks
    defaults = {"name": "m", "output_tokens": 12, "context_tokens": 256, "batch": 4}
    return ModelSpec(**{**defaults, "device": "cpu", "checkpoint": str(folder), **fields})


async def built(build: Builder, spec: ModelSpec) -> Engine:
    return await asyncio.to_thread(build, spec)


async def events(engine: Engine, prompt: Prompt = ASK) -> list[Event]:
    async def read() -> list[Event]:
        return [event async for event in engine.stream(prompt)]

    return await asyncio.wait_for(read(), 60)


async def heard(build: Builder, spec: ModelSpec, prompt: Prompt = ASK) -> list[Event]:
    """Return what a model says; its engine is closed afterwards."""
    engine = await built(build, spec)
    try:
        return await events(engine, prompt)
    finally:
        await engine.close()


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


def ending(said: list[Event]) -> Done | Failed:
    """Return the end of a stream, which must be its only one, with times left out."""
    *pieces, end = said
    assert all(isinstance(piece, Delta) and piece.text for piece in pieces)
    if isinstance(end, Done):
        return replace(end, seconds=0.0, first_token_seconds=end.first_token_seconds and 0.0)
    assert isinstance(end, Failed)
    return replace(end, seconds=0.0)


@pytest.mark.parametrize("kind", sorted(set(FailureKind) - {FailureKind.PROCESS_DEAD}))
@pytest.mark.parametrize("step", range(CHUNKS + 1))
async def test_a_failure_at_any_step_keeps_its_kind_and_cause(
    build: Builder, here: Builder, kind: FailureKind, step: int
) -> None:
    faulty = scripted(fail_at=step, fail_kind=kind)
    said, expected = await heard(build, faulty), await heard(here, faulty)
    assert text(said) == text(expected)
    assert ending(said) == ending(expected)


@pytest.mark.parametrize("step", range(CHUNKS))
async def test_a_failure_of_all_at_any_step_keeps_its_kind_and_ends_a_process_beside_us(
    build: Builder, here: Builder, step: int
) -> None:
    spoilt = scripted(fail_at=step, fail_kind=FailureKind.PROCESS_DEAD)
    said, expected = await heard(build, spoilt), await heard(here, spoilt)
    assert text(said) == text(expected)
    end, told = ending(said), ending(expected)
    assert isinstance(end, Failed)
    assert isinstance(told, Failed)
    assert end.kind is told.kind is FailureKind.PROCESS_DEAD
    assert told.cause in end.cause  # beside us it is what the process said last


async def test_a_response_is_whole_and_ends_once(build: Builder, here: Builder) -> None:
    for seed in range(4):
        prompt = replace(ASK, seed=seed)
        said, expected = (
            await heard(build, scripted(), prompt),
            await heard(here, scripted(), prompt),
        )
        assert (text(said), ending(said)) == (text(expected), ending(expected))


async def test_silence_ends_with_the_deadline(build: Builder) -> None:
    end = (await heard(build, scripted(hang_at=1), replace(ASK, deadline_s=0.2)))[-1]
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.DEADLINE
    assert end.seconds >= 0.2


async def test_a_response_is_cut_at_the_prompts_limit(build: Builder) -> None:
    said = await heard(build, scripted(endless=True), replace(ASK, max_tokens=3))
    assert ending(said) == Done("length", 3, 0.0, 0.0)


async def test_many_streams_of_many_engines_run_side_by_side(build: Builder) -> None:
    engines = [await built(build, scripted(chunk_s=0.02)) for _ in range(3)]
    prompts = [replace(ASK, seed=seed) for seed in range(5)]
    said = await asyncio.gather(*(events(e, prompt) for prompt in prompts for e in engines))
    assert all(isinstance(one[-1], Done) for one in said)
    for seed in range(5):
        assert len({text(one) for one in said[seed * 3 : seed * 3 + 3]}) == 1
    for engine in engines:
        await engine.close()


async def test_a_stream_may_be_left_at_any_moment(build: Builder) -> None:
    engine = await built(build, scripted(chunk_s=0.01))
    for pieces in range(3):
        stream = engine.stream(ASK)
        for _ in range(pieces):
            await anext(stream)
        await stream.aclose()
    reading = asyncio.create_task(events(engine))
    await asyncio.sleep(0)
    reading.cancel()
    assert isinstance((await events(engine))[-1], Done)
    await engine.close()


async def test_closing_ends_open_streams_and_the_engine(build: Builder) -> None:
    engine = await built(build, scripted(hang_at=1))
    assert engine.health() is None
    reading = asyncio.create_task(events(engine))
    await asyncio.sleep(0.1)
    await engine.close()
    for said in (await reading, await events(engine)):
        end = ending(said)
        assert isinstance(end, Failed)
        assert end.kind is FailureKind.CANCELLED
    assert engine.health() == "m: the engine is closed"
    await engine.close()


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        pytest.param(
            ModelSpec(name="m", checkpoint="/nowhere", device="cpu"),
            FailureKind.BACKEND,
            id="no folder",
        ),
        pytest.param(
            ModelSpec(name="m", checkpoint=".", device="cpu"), FailureKind.BACKEND, id="no model"
        ),
    ],
)
async def test_what_cannot_be_loaded_is_told_in_the_same_sentence(
    build: Builder, here: Builder, spec: ModelSpec, kind: FailureKind
) -> None:
    sentences = []
    for builder in (build, here):
        with pytest.raises(EngineError) as refusal:
            await built(builder, spec)
        assert refusal.value.kind is kind
        sentences.append(str(refusal.value))
    assert sentences[0] == sentences[1]


async def test_a_real_model_says_the_same_anywhere(
    build: Builder, here: Builder, checkpoint: Path
) -> None:
    for seed in range(2):
        prompt = replace(ASK, seed=seed)
        said = await heard(build, local(checkpoint), prompt)
        expected = await heard(here, local(checkpoint), prompt)
        assert (text(said), ending(said)) == (text(expected), ending(expected))
        assert ending(said) == Done("length", 12, 0.0, 0.0)


async def test_a_real_model_has_the_same_footprint_anywhere(
    build: Builder, here: Builder, checkpoint: Path
) -> None:
    engines = [await built(builder, local(checkpoint)) for builder in (build, here)]
    assert engines[0].footprint == engines[1].footprint > 0
    for engine in engines:
        await engine.close()


async def test_a_real_model_refuses_what_does_not_fit_and_serves_on(
    build: Builder, here: Builder, checkpoint: Path
) -> None:
    long = Prompt.of("x" * 300)
    expected = ending(await heard(here, local(checkpoint), long))
    engine = await built(build, local(checkpoint))
    overlong, short = await asyncio.gather(events(engine, long), events(engine))
    assert ending(overlong) == expected
    assert isinstance(short[-1], Done)
    await engine.close()


async def test_a_real_models_streams_are_freed_when_left(build: Builder, checkpoint: Path) -> None:
    engine = await built(build, local(checkpoint, output_tokens=200, batch=1))
    for _ in range(3):
        stream = engine.stream(ASK)
        await anext(stream)
        await stream.aclose()
    assert isinstance((await events(engine, replace(ASK, max_tokens=3)))[-1], Done)
    await engine.close()


async def test_a_real_model_ends_its_streams_when_closed(build: Builder, endless: Path) -> None:
    engine = await built(build, local(endless, **ENDLESS))
    stream = engine.stream(ASK)
    assert isinstance(await anext(stream), Delta)
    await engine.close()
    end = ending([event async for event in stream])
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.CANCELLED
