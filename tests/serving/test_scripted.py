"""The engine that stands in for models: what it says, how it fails, and when."""

import asyncio

import pytest

from serving.engine import Delta, Done, Event, Failed, FailureKind, Prompt
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.serving.virtual_time import virtual_time

ASK = Prompt.of("Why is the sky blue?")


async def events(engine: ScriptedEngine, prompt: Prompt = ASK) -> list[Event]:
    return [event async for event in engine.stream(prompt)]


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


@virtual_time
async def test_says_its_text_in_chunks_and_ends_once() -> None:
    said = await events(ScriptedEngine.saying("Rayleigh scattering", chunk_characters=8))
    assert said[:-1] == [Delta("Rayleigh"), Delta(" scatter"), Delta("ing")]
    assert said[-1] == Done("stop", 3, 0.0, 0.0)


@virtual_time
async def test_no_response_is_an_empty_one() -> None:
    assert await events(ScriptedEngine.saying()) == [Done("stop", 0, 0.0, None)]


@virtual_time
async def test_delays_are_kept_on_the_clock() -> None:
    engine = ScriptedEngine.saying("abcdef", chunk_characters=2, first_chunk_s=1.0, chunk_s=0.25)
    assert (await events(engine))[-1] == Done("stop", 3, 1.75, 1.0)


@virtual_time
async def test_the_same_prompt_and_seed_get_the_same_response() -> None:
    def engine() -> ScriptedEngine:
        return ScriptedEngine.saying(*"abcdefgh")

    asked = [Prompt.of("Why?", seed=seed) for seed in range(8)]
    once = [text(await events(engine(), prompt)) for prompt in asked]
    again = [text(await events(engine(), prompt)) for prompt in asked]
    assert once == again
    assert len(set(once)) > 1


@virtual_time
async def test_a_response_is_in_the_script_of_its_prompt_as_far_as_there_is_one() -> None:
    ice, bing = "Ice floats.", "冰会浮。"
    for asked, said in (("Why?", ice), ("为什么？", bing)):
        for seed in range(8):
            prompt = Prompt.of(asked, seed=seed)
            assert text(await events(ScriptedEngine.saying(ice, bing), prompt)) == said
            assert text(await events(ScriptedEngine.saying(ice), prompt)) == ice


@virtual_time
async def test_tokens_may_be_shorter_in_another_script() -> None:
    engine = ScriptedEngine.saying("Ice floats", "冰会浮", chunk_characters=(5, 1))
    assert (await events(engine))[:-1] == [Delta("Ice f"), Delta("loats")]
    foreign = Prompt.of("为什么？")
    assert (await events(engine, foreign))[:-1] == [Delta("冰"), Delta("会"), Delta("浮")]


@pytest.mark.parametrize("kind", FailureKind)
@virtual_time
async def test_fails_at_the_step_and_with_the_kind_it_was_told(kind: FailureKind) -> None:
    engine = ScriptedEngine.saying("abcdef", chunk_characters=2, fail_at=2, fail_kind=kind)
    said = await events(engine)
    assert text(said) == "abcd"
    assert isinstance(said[-1], Failed)
    assert (said[-1].kind, said[-1].tokens) == (kind, 2)


@virtual_time
async def test_silence_lasts_until_the_deadline() -> None:
    engine = ScriptedEngine.saying("abcdef", chunk_characters=2, hang_at=1)
    said = await events(engine, Prompt(ASK.messages, deadline_s=20.0))
    assert text(said) == "ab"
    assert isinstance(said[-1], Failed)
    assert (said[-1].kind, said[-1].seconds) == (FailureKind.DEADLINE, 20.0)


@virtual_time
async def test_an_endless_response_is_cut_at_the_limit() -> None:
    engine = ScriptedEngine.saying("ha", chunk_characters=1, endless=True)
    said = await events(engine, Prompt(ASK.messages, max_tokens=5))
    assert text(said) == "hahah"
    assert said[-1] == Done("length", 5, 0.0, 0.0)


@virtual_time
async def test_a_response_as_long_as_the_limit_is_not_cut() -> None:
    spec = ModelSpec(name="m", kind="scripted", responses=("abcd",), output_tokens=1)
    assert (await events(ScriptedEngine(spec)))[-1] == Done("stop", 1, 0.0, 0.0)


@virtual_time
async def test_closing_ends_an_open_stream_as_cancelled() -> None:
    engine = ScriptedEngine.saying("abcdef", hang_at=0)
    reading = asyncio.create_task(events(engine))
    await asyncio.sleep(1)
    await engine.close()
    (end,) = await reading
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.CANCELLED
    assert engine.health() is not None
