"""Models behind a server, from well behaved to hostile."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serving.engine import (
    Delta,
    Done,
    EngineError,
    Event,
    Failed,
    FailureKind,
    KeyRefusedError,
    Message,
    Prompt,
)
from serving.remote import MOST_CHARACTERS, RemoteEngine, reach
from serving.spec import ModelSpec
from tests.serving.bad_server import (
    CARELESS,
    DONE,
    END,
    Behaviour,
    Server,
    answers,
    drips,
    event,
    fails,
    hangs_before_headers,
    hangs_mid_stream,
    piece,
    refuses_length,
    resets,
    says,
    serving,
    talks_nonsense,
)

ASK = Prompt.of("hello", seed=3)
GOOD = says(event("The sky "), event("is blue."), event(finish="stop"), DONE)


def spec_of(url: str, **fields: Any) -> ModelSpec:  # noqa: ANN401 -- pydantic checks
    return ModelSpec(
        **{"name": "far", "url": url, "remote_name": "served", "kind": "remote"} | fields
    )


def engine_of(url: str, **fields: Any) -> RemoteEngine:  # noqa: ANN401
    return RemoteEngine(spec_of(url, **fields))


@asynccontextmanager
async def far(behave: Behaviour, **fields: Any) -> AsyncIterator[tuple[RemoteEngine, Server]]:  # noqa: ANN401
    async with serving(behave) as server:
        engine = engine_of(server.url, **fields)
        try:
            yield engine, server
        finally:
            await engine.close()


async def events(engine: RemoteEngine, prompt: Prompt = ASK) -> list[Event]:
    return [event async for event in engine.stream(prompt)]


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


async def test_a_well_behaved_server_streams() -> None:
    async with far(GOOD) as (engine, _):
        said = await events(engine)
    assert text(said) == "The sky is blue."
    assert isinstance(said[-1], Done)
    assert (said[-1].finish_reason, said[-1].tokens) == ("stop", 2)
    assert said[-1].first_token_seconds is not None


async def test_the_servers_own_count_of_tokens_is_taken() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 17, "total_tokens": 18}
    counted = says(event("all"), event(finish="length"), event(usage=usage), DONE)
    async with far(counted) as (engine, _):
        end = (await events(engine))[-1]
    assert isinstance(end, Done)
    assert (end.finish_reason, end.tokens) == ("length", 17)


async def test_everything_a_roster_sets_is_asked_for() -> None:
    fields = {
        "system_prompt": "Be brief.",
        "sampling": {"temperature": 0.3, "top_p": 0.9, "top_k": 40},
        "stop": ["User:"],
        "output_tokens": 64,
    }
    prompt = Prompt((Message("user", "a"), Message("assistant", "b"), Message("user", "c")), seed=9)
    async with far(GOOD, **fields) as (engine, server):
        await events(engine, prompt)
    (asked,) = server.asked
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    expected = {
        "model": "served",
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 40,
        "stop": ["User:"],
        "max_tokens": 64,
        "seed": 9,
        "stream": True,
    }
    assert expected.items() <= asked.items()


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
        pytest.param(resets, FailureKind.BACKEND, "Connection error", id="resets"),
        pytest.param(
            says(event("word "), END), FailureKind.BACKEND, "ended early", id="ends early"
        ),
        pytest.param(says(event("word ")), FailureKind.BACKEND, "Connection", id="cut off"),
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
            says(piece(b"data: 7\n\n"), DONE), FailureKind.BACKEND, "Error", id="not a chunk"
        ),
        pytest.param(
            says(piece(b'data: {"error": {"message": "worker died"}}\n\n'), DONE),
            FailureKind.BACKEND,
            "worker died",
            id="error within the stream",
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


async def test_a_refused_connection_is_a_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        engine = engine_of(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        (end,) = await events(engine)
    await engine.close()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND


def unknown_name(*_: object, **__: object) -> None:
    """Stand in for `socket.getaddrinfo` where nobody has heard of a name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("http://127.0.0.1:1/v1", "Connection refused", id="refused"),
        pytest.param("http://far.example/v1", "Name or service not known", id="unknown name"),
    ],
)
async def test_where_nobody_is_there_once_is_enough(
    url: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "far" in url:
        monkeypatch.setattr("socket.getaddrinfo", unknown_name)
    engine = engine_of(url)
    assert engine.health() is None
    first, again = [(await events(engine))[-1] for _ in range(2)]
    await engine.close()
    assert isinstance(first, Failed)
    assert isinstance(again, Failed)
    assert first.cause.startswith("far: nobody is there: ")
    assert why in first.cause
    assert engine.health() == first.cause
    assert again.cause == f"far: not asked: {first.cause}"


async def test_connections_that_come_to_nothing_have_two_more_tries() -> None:
    async def hangs_up(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with far(hangs_up) as (engine, server):
        for _ in range(3):
            assert engine.health() is None
            await events(engine)
        assert "Connection error" in (engine.health() or "")
        await events(engine)
    assert len(server.asked) == 3


async def test_a_server_that_was_away_is_ill_until_who_holds_it_gets_a_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.remote.REST_S", 0.05)
    async with serving(GOOD) as server:
        engine = engine_of(server.url)
    await events(engine)
    await asyncio.sleep(0.06)
    assert "nobody is there" in (engine.health() or "")
    async with serving(GOOD, server.port):
        assert text(await events(engine)) == "The sky is blue."
    assert engine.health() is None
    await engine.close()


async def test_a_response_that_comes_late_ends_the_rest() -> None:
    asked, late = asyncio.Event(), asyncio.Event()

    async def first_one_late(writer: asyncio.StreamWriter) -> None:
        if len(server.asked) > 1:
            writer.transport.abort()
            return
        asked.set()
        await late.wait()
        await GOOD(writer)

    async with far(first_one_late) as (engine, server):
        slow = asyncio.create_task(events(engine))
        await asyncio.wait_for(asked.wait(), 10)
        for _ in range(3):
            await events(engine)
        assert engine.health() is not None
        late.set()
        assert text(await slow) == "The sky is blue."
        assert engine.health() is None


async def test_a_huge_response_is_cut_at_the_cap() -> None:
    huge = says(*[event("x" * 65536)] * 400, event(finish="stop"), DONE)
    async with far(huge) as (engine, _):
        said = await events(engine)
    assert len(text(said)) == MOST_CHARACTERS
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
        await asyncio.wait_for(server.closed_early.wait(), 2)


async def test_the_key_comes_from_the_environment_and_stays_out_of_the_specification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAR_KEY", "s3cret-key")
    engine = engine_of("http://127.0.0.1:1/v1", api_key_env="FAR_KEY")
    assert engine._client.api_key == "s3cret-key"  # noqa: SLF001 -- nothing else shows it
    assert "s3cret-key" not in repr(engine._spec)  # noqa: SLF001
    await engine.close()


async def reached(behave: Behaviour) -> None:
    async with serving(behave) as server:
        await asyncio.wait_for(asyncio.to_thread(reach, spec_of(server.url)), 10)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(answers("200 OK"), id="a list of nothing"),
        pytest.param(answers("404 Not Found"), id="no list"),
        pytest.param(answers("500 Internal Server Error"), id="an error"),
        pytest.param(answers("307 Temporary Redirect"), id="sent elsewhere"),
        pytest.param(
            drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), id="an endless list"
        ),
    ],
)
async def test_whoever_answers_is_reached(behave: Behaviour) -> None:
    await reached(behave)


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nX: "), "no answer within 0 s", id="drips"),
        pytest.param(hangs_before_headers, "no answer within 0 s", id="hangs"),
        pytest.param(talks_nonsense, "RemoteProtocolError", id="not HTTP"),
    ],
)
async def test_whoever_does_not_serve_us_is_told_in_time(
    behave: Behaviour, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why.startswith("no answer"):
        monkeypatch.setattr("serving.remote.REACH_S", 0.4)
    told = f"far: .* does not serve us: {why}.*; start the server"
    with pytest.raises(EngineError, match=told) as caught:
        await reached(behave)
    assert not isinstance(caught.value, KeyRefusedError)


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        pytest.param(answers("401 Unauthorized"), 401, id="at once"),
        pytest.param(
            drips(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99999\r\n\r\n"),
            403,
            id="at great length",
        ),
    ],
)
async def test_who_refuses_our_key_is_told_from_who_is_away(behave: Behaviour, status: int) -> None:
    told = f"far: .* does not serve us: HTTP {status}, it refuses our key; let api_key_env name"
    with pytest.raises(KeyRefusedError, match=told):
        await reached(behave)


def test_an_address_that_nobody_understands_is_told_in_one_sentence() -> None:
    with pytest.raises(EngineError, match=r"serve us: InvalidURL.*; start the server"):
        reach(spec_of("http://h\x01/v1"))


def test_a_name_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> None:
        asked.set()
        answered.wait(60)
        unknown_name()

    monkeypatch.setattr("socket.getaddrinfo", hangs)
    monkeypatch.setattr("serving.remote.REACH_S", 0.4)
    begun = time.monotonic()
    with pytest.raises(EngineError, match="no answer within 0 s"):
        reach(spec_of("http://far.example/v1"))
    assert asked.is_set()
    assert time.monotonic() - begun < 30  # the name server hangs for a minute
    answered.set()


NEVER_RESOLVED = """
import socket, time
from serving import remote
from serving.engine import EngineError
from serving.spec import ModelSpec

socket.getaddrinfo = lambda *_, **__: time.sleep(600)
remote.REACH_S = 0.4
try:
    remote.reach(ModelSpec(name="far", url="http://far.example/v1", remote_name="x"))
except EngineError as refusal:
    print(refusal)
"""


def test_nor_does_it_hold_up_the_end_of_the_program() -> None:
    ended = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-c", NEVER_RESOLVED],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "no answer within 0 s" in ended.stdout
    assert ended.stderr == ""
