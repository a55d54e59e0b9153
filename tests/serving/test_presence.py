"""When an engine takes its server to be away, and when to be back."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from serving.engine import (
    Failed,
    FailureKind,
)
from tests.serving.bad_server import (
    DONE,
    END,
    Behaviour,
    event,
    fails,
    hangs_before_headers,
    hangs_mid_stream,
    in_turn,
    is_busy,
    piece,
    refuses,
    resets,
    says,
    serving,
)
from tests.serving.far import GOOD, engine_of, events, far, is_trial, text, unknown_name
from tests.serving.workshop import until


async def test_a_refused_connection_is_a_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        engine = engine_of(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        (end,) = await events(engine)
    await engine.close()
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND


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


async def test_what_is_cut_off_in_one_moment_counts_once() -> None:
    """A server that is started again under many battles; afterwards it is there."""
    stopped = asyncio.Event()

    async def is_stopped(writer: asyncio.StreamWriter) -> None:
        await says(event("word "))(writer)
        await stopped.wait()
        writer.transport.abort()

    async with serving(is_stopped) as server:
        engine = engine_of(server.url)
        cut = [asyncio.create_task(events(engine)) for _ in range(6)]
        await until(lambda: len(server.asked) == len(cut))
        stopped.set()
        for ended in await asyncio.gather(*cut):
            assert isinstance(ended[-1], Failed)
        assert engine.health() is None
        for _ in range(2):  # each of these is another failure
            assert engine.health() is None
            await events(engine)
        assert engine.health() is not None
    await engine.close()


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        pytest.param(hangs_up, "Connection error", id="at once"),
        pytest.param(resets, "broke off", id="amid a response"),
        pytest.param(refuses(502, b"Bad gateway"), "HTTP 502: Bad", id="at who stands before it"),
        pytest.param(refuses(503, b"Loading model"), "HTTP 503: Loading", id="while it loads"),
        pytest.param(
            refuses(503, b"Stopped", "Retry-After: 60\r\n"), "HTTP 503: Stopped", id="for a while"
        ),
        pytest.param(refuses(500, b"No backend"), "HTTP 500: No", id="at who is broken"),
        pytest.param(refuses(404, b"No model"), "HTTP 404: No", id="where the model is gone"),
        pytest.param(refuses(401, b"Old key"), "HTTP 401: Old", id="where the key is no more"),
        pytest.param(is_busy("60"), "HTTP 429: slow", id="where no more is to be had"),
    ],
)
async def test_connections_that_come_to_nothing_have_two_more_tries(
    behave: Behaviour, why: str
) -> None:
    async with far(behave) as (engine, server):
        for _ in range(3):
            assert engine.health() is None
            await events(engine)
        assert why in (engine.health() or "")
        await events(engine)
    assert len(server.asked) == 3


TOO_LONG = refuses(400, b"maximum context length is 512: 18 in the messages, 512 for the response")


@pytest.mark.parametrize("status", [400, 500])
async def test_a_prompt_that_is_too_long_says_nothing_of_the_server(status: int) -> None:
    async def takes_short_ones(writer: asyncio.StreamWriter) -> None:
        too_long = refuses(status, b"the prompt is too long")
        await (GOOD if is_trial(server.asked[-1]) else too_long)(writer)

    async with far(takes_short_ones) as (engine, server):
        for _ in range(4):
            end = (await events(engine))[-1]
            assert isinstance(end, Failed)
            assert end.kind is FailureKind.CONTEXT
            assert engine.health() is None


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        pytest.param(refuses(400, b"no top_p"), "HTTP 400: no top_p", id="what we ask for"),
        pytest.param(TOO_LONG, "HTTP 400: maximum context", id="so many tokens"),
        pytest.param(fails, "HTTP 500: CUDA out of memory", id="for want of memory"),
        pytest.param(
            says(piece(b"<html>x</html>"), END), "no stream of chunks: <html>", id="a page"
        ),
        pytest.param(
            says(event("a"), event(finish="odd"), DONE), "the server ended it: 'odd'", id="the end"
        ),
    ],
)
async def test_who_refuses_a_prompt_and_any_other_serves_nobody(
    behave: Behaviour, why: str
) -> None:
    async with far(behave) as (engine, server):
        first, again = [(await events(engine))[-1] for _ in range(2)]
        assert isinstance(first, Failed)
        assert isinstance(again, Failed)
        assert why in first.cause
        assert engine.health() == first.cause
        assert again.cause == f"far: not asked: {first.cause}"
    assert [is_trial(ask) for ask in server.asked] == [False, True]
    assert {ask["max_tokens"] for ask in server.asked} == {512}


NOT_THAT = refuses(400, b"not about that")
ODD_END = says(event(finish="content_filter"), DONE)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(GOOD, id="responds to another"),
        pytest.param(hangs_before_headers, id="is slow"),
        pytest.param(hangs_mid_stream, id="goes on for long"),
    ],
)
async def test_who_refuses_a_prompt_and_no_other_is_there(
    behave: Behaviour, monkeypatch: pytest.MonkeyPatch, late_once_heard: Callable[[], None]
) -> None:
    monkeypatch.setattr("serving.remote.TRIAL_S", 0.2 if behave is hangs_before_headers else 20.0)
    if behave is hangs_mid_stream:
        late_once_heard()
    refusals = [NOT_THAT, ODD_END]

    async def refuses_questions(writer: asyncio.StreamWriter) -> None:
        await (behave if is_trial(server.asked[-1]) else refusals[0])(writer)

    async with far(refuses_questions) as (engine, server):
        for _ in range(4):
            end = (await events(engine))[-1]
            assert isinstance(end, Failed)
            assert end.kind is (
                FailureKind.BACKEND if behave is hangs_before_headers else FailureKind.PROMPT
            )
            assert engine.health() is None
            refusals.reverse()
    assert len([ask for ask in server.asked if not is_trial(ask)]) == 4


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        pytest.param(refuses(503, b"restarting"), "HTTP 503: restarting", id="has one bad moment"),
        pytest.param(is_busy("60"), "HTTP 429: slow down", id="is busy"),
        pytest.param(resets, "broke off", id="breaks off"),
    ],
)
async def test_who_refuses_a_prompt_and_then_cannot_be_tried_has_two_more_tries(
    behave: Behaviour, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.remote.TRIAL_S", 20.0)  # a busy machine is late

    async def refuses_questions(writer: asyncio.StreamWriter) -> None:
        await (behave if is_trial(server.asked[-1]) else NOT_THAT)(writer)

    async with far(refuses_questions) as (engine, server):
        for _ in range(3):
            assert engine.health() is None
            await events(engine)
        assert why in (engine.health() or "")


async def refuses_and_hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 X\r\nContent-Length: 2\r\n\r\nno")
    await writer.drain()
    await asyncio.sleep(0.3)  # as if the connection could be used again
    writer.transport.abort()


async def test_a_connection_that_is_not_kept_after_all_is_no_refusal() -> None:
    async with far(in_turn(refuses_and_hangs_up, GOOD)) as (engine, server):
        end = (await events(engine))[-1]
        assert isinstance(end, Failed)
        assert end.cause == "far: HTTP 400: no"
        assert engine.health() is None
    assert len(server.asked) == 2


async def test_who_thinks_for_longer_than_we_wait_is_there(
    late_once_heard: Callable[[], None],
) -> None:
    late_once_heard()
    thought = piece(b'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n')
    async with far(says(*[thought] * 99, pause_s=0.02), first_token_s=20.0) as (engine, server):
        for _ in range(4):
            end = (await events(engine))[-1]
            assert isinstance(end, Failed)
            assert end.kind is FailureKind.DEADLINE
            assert engine.health() is None
    assert len(server.asked) == 4


async def test_who_says_nothing_for_as_long_is_not() -> None:
    async with far(hangs_before_headers, first_token_s=0.05) as (engine, _):
        for _ in range(3):
            assert engine.health() is None
            await events(engine)
        assert "too slow" in (engine.health() or "")


async def test_a_server_that_was_away_is_ill_until_who_holds_it_gets_a_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.presence.LEFT_ALONE_S", 0.05)
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
