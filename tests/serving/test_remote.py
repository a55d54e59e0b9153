"""Models behind a server, from well behaved to hostile: what comes of a response."""

import asyncio

import pytest

from serving.engine import (
    Delta,
    Done,
    Failed,
    FailureKind,
    Prompt,
)
from serving.reply import MOST_CHARACTERS, MOST_OF_TOKEN
from tests.serving.bad_server import (
    CARELESS,
    DONE,
    END,
    Behaviour,
    breaks_off,
    event,
    fails,
    hangs_before_headers,
    hangs_mid_stream,
    is_busy,
    lingers,
    piece,
    refuses,
    refuses_length,
    resets,
    says,
    talks_nonsense,
)
from tests.serving.far import ASK, GOOD, events, far, text


async def test_a_well_behaved_server_streams() -> None:
    async with far(GOOD) as (engine, _):
        said = await events(engine)
    assert text(said) == "The sky is blue."
    assert isinstance(said[-1], Done)
    assert (said[-1].finish_reason, said[-1].tokens) == ("stop", 2)
    assert said[-1].first_token_seconds is not None


async def test_the_servers_own_count_of_tokens_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.reply.GRACE_S", 20.0)
    usage = {"prompt_tokens": 1, "completion_tokens": 17, "total_tokens": 18}
    counted = says(event("all"), event(finish="length"), event(usage=usage), DONE)
    async with far(counted) as (engine, _):
        end = (await events(engine))[-1]
    assert isinstance(end, Done)
    assert (end.finish_reason, end.tokens) == ("length", 17)


async def test_a_count_of_tokens_that_is_none_loses_no_response() -> None:
    usage = {"completion_tokens": "many"}
    counted = says(event("all "), event("said"), event(finish="stop"), event(usage=usage), DONE)
    async with far(counted) as (engine, _):
        said = await events(engine)
    assert text(said) == "all said"
    assert isinstance(said[-1], Done)
    assert said[-1].tokens == 2


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(lingers(event("all said", finish="stop")), id="says nothing more"),
        pytest.param(lingers(event("all "), event("said"), event(finish="stop")), id="in pieces"),
        pytest.param(breaks_off(event("all said"), event(finish="stop")), id="breaks off"),
        pytest.param(
            says(event("all said"), event(finish="stop"), piece(b"data: {\n\n")), id="raves"
        ),
    ],
)
async def test_a_response_is_whole_once_the_server_said_why_it_ended(behave: Behaviour) -> None:
    async with far(behave) as (engine, _):
        said = await asyncio.wait_for(events(engine, Prompt(ASK.messages, deadline_s=20)), 15)
    end = said[-1]
    assert text(said) == "all said"
    assert isinstance(end, Done)
    assert end.finish_reason == "stop"


async def test_the_number_of_tokens_may_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.reply.GRACE_S", 20.0)
    late = says(event("all", finish="stop"), event(usage={"completion_tokens": 17}), pause_s=0.2)
    async with far(late) as (engine, _):
        end = (await events(engine))[-1]
    assert isinstance(end, Done)
    assert end.tokens == 17


async def test_a_stop_string_that_the_server_lets_through_is_cut() -> None:
    chatty = says(event("four. Us"), event("er: and"), *[event(" more")] * 50, DONE)
    async with far(chatty, stop=["User:"]) as (engine, _):
        said = await events(engine)
    assert text(said) == "four. "
    assert isinstance(said[-1], Done)
    assert said[-1].finish_reason == "stop"


async def test_an_empty_response_is_the_models_own() -> None:
    async with far(says(event(finish="stop"), DONE)) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Done)
    assert (end.tokens, end.first_token_seconds) == (0, None)


@pytest.mark.parametrize(
    ("behave", "kind", "words"),
    [
        pytest.param(resets, FailureKind.BACKEND, "broke off", id="resets"),
        pytest.param(
            says(event("word "), END), FailureKind.BACKEND, "ended early", id="ends early"
        ),
        pytest.param(says(event("word ")), FailureKind.BACKEND, "broke off", id="cut off"),
        pytest.param(says(END), FailureKind.BACKEND, "ended early", id="says nothing"),
        pytest.param(fails, FailureKind.OUT_OF_MEMORY, CARELESS, id="error with a name"),
        pytest.param(refuses_length, FailureKind.CONTEXT, "context length", id="prompt too long"),
        pytest.param(talks_nonsense, FailureKind.BACKEND, "Connection", id="not HTTP"),
        pytest.param(
            says(piece(b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n'), DONE),
            FailureKind.BACKEND,
            "UnicodeDecodeError",
            id="invalid UTF-8",
        ),
        pytest.param(
            says(piece(b"data: {broken\n\n"), DONE), FailureKind.BACKEND, "JSON", id="not JSON"
        ),
        pytest.param(
            says(piece(b"data: 7\n\n"), DONE), FailureKind.BACKEND, "chunk", id="not a chunk"
        ),
        pytest.param(
            says(piece(b'data: {"error": {"message": "worker died"}}\n\n'), DONE),
            FailureKind.BACKEND,
            "worker died",
            id="error within the stream",
        ),
        pytest.param(
            says(event("word "), event(finish="abort"), DONE),
            FailureKind.BACKEND,
            "the server ended it: 'abort'",
            id="shuts down",
        ),
        pytest.param(
            says(event(finish="content_filter"), DONE),
            FailureKind.BACKEND,
            "the server ended it: 'content_filter'",
            id="its filter took the words",
        ),
    ],
)
async def test_every_fault_ends_in_one_failure(
    behave: Behaviour, kind: FailureKind, words: str
) -> None:
    async with far(behave) as (engine, _):
        said = await asyncio.wait_for(events(engine), 20)
    *before, end = said
    assert isinstance(end, Failed)
    assert end.kind is kind
    assert words in end.cause
    assert all(isinstance(event, Delta) for event in before)
    assert CARELESS not in text(said)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(hangs_before_headers, id="hangs at once"),
        pytest.param(hangs_mid_stream, id="hangs mid-stream"),
        pytest.param(says(*[event("x")] * 99, pause_s=0.05), id="drips longer than the deadline"),
    ],
)
async def test_a_server_that_is_too_slow_fails_at_the_deadline(behave: Behaviour) -> None:
    async with far(behave, first_token_s=0.4) as (engine, _):
        said = await asyncio.wait_for(events(engine, Prompt(ASK.messages, deadline_s=0.6)), 20)
    end = said[-1]
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.DEADLINE
    assert "too slow" in end.cause


@pytest.mark.parametrize(("tokens", "most"), [(1 << 20, MOST_CHARACTERS), (64, 64 * MOST_OF_TOKEN)])
async def test_a_response_longer_than_was_asked_for_is_cut(tokens: int, most: int) -> None:
    huge = says(*[event("x" * 65536)] * 400, event(finish="stop"), DONE)
    async with far(huge, output_tokens=tokens) as (engine, _):
        said = await events(engine)
    assert len(text(said)) == most
    assert isinstance(said[-1], Done)
    assert said[-1].finish_reason == "length"


async def test_nul_and_halves_of_characters_are_cleaned() -> None:
    odd = says(event("a\x00b\ud83d"), event("\ude00"), event("\udc00"), event(finish="stop"), DONE)
    async with far(odd) as (engine, _):
        said = await events(engine)
    assert text(said) == "ab\U0001f600\ufffd"


async def test_leaving_a_stream_hangs_up() -> None:
    endless = says(*[event("x")] * 1000, pause_s=0.01)
    async with far(endless) as (engine, server):
        stream = engine.stream(ASK)
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(server.closed_early.wait(), 30)


@pytest.mark.parametrize("behave", [hangs_before_headers, hangs_mid_stream, is_busy("30")])
async def test_a_stream_that_is_open_as_the_engine_is_closed_ends_as_cancelled(
    behave: Behaviour,
) -> None:
    async with far(behave, first_token_s=99) as (engine, server):
        reading = asyncio.create_task(events(engine))
        while not server.asked:  # noqa: ASYNC110 -- the server tells nobody
            await asyncio.sleep(0.01)
        await engine.close()
        end = (await asyncio.wait_for(reading, 15))[-1]
        assert isinstance(end, Failed)
        assert (end.kind, end.cause) == (FailureKind.CANCELLED, "far: the engine was closed")


async def test_nor_is_it_in_a_cause_though_the_server_quotes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAR_KEY", "s3cret-key\r\n")  # as a file of lines has it
    quotes = refuses(401, b'{"error": {"message": "no such key: s3cret-key"}}')
    async with far(quotes, api_key_env="FAR_KEY") as (engine, server):
        (end,) = await events(engine)
    assert b"\r\nauthorization: bearer s3cret-key\r\n" in server.head.lower()
    assert isinstance(end, Failed)
    assert end.cause.startswith("far: HTTP 401: no such key: [our key]; ")
    assert "s3cret" not in end.cause
