"""A stream that is good by its status and has no end, is packed, or comes all at once."""

import asyncio
import gzip
import json
import time
import tracemalloc
from contextlib import suppress

import pytest

from serving.engine import Done, Event, Failed, FailureKind, Prompt
from serving.wire import MOST_BYTES, MOST_LOST
from tests.serving.bad_server import (
    DONE,
    END,
    HEAD,
    LAST,
    Behaviour,
    event,
    goes_on,
    piece,
    says,
)
from tests.serving.far import ASK, GOOD, events, far, text

SENT = 64 << 20
FEW = gzip.compress(b"y" * SENT)
SAID = {"choices": [{"delta": {"content": "\ufeffword"}}]}  # within a text it is the text's
LONG = {"output_tokens": 2**15}  # as many characters may come as a response may have
ROLE = b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n'


def sends(blob: bytes) -> Behaviour:
    """Return a behaviour that sends `SENT` bytes of the same as one stream."""
    return says(event("word "), *[piece(blob * (65536 // len(blob)))] * (SENT // 65536))


async def peak_of(behave: Behaviour, deadline_s: float = 60.0) -> tuple[int, Event]:
    """Return the most memory that a response took, and how it ended: in a connection closed."""
    async with far(GOOD) as (engine, _):
        await events(engine)  # what is imported late is no part of it
    async with far(behave) as (engine, server):
        tracemalloc.start()
        try:
            *_, end = await events(engine, Prompt(ASK.messages, deadline_s=deadline_s))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await asyncio.wait_for(server.closed_early.wait(), 20)
        assert isinstance(end, Failed)
        assert engine.health() == (end.cause if end.kind is FailureKind.BACKEND else None)
    return peak, end


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(b"y", id="a line without end"),
        pytest.param(b": still here, " + b"y" * 500 + b"\n\n", id="comments"),
        pytest.param(b"data: " + b"y" * 500 + b"\n", id="an event of many lines"),
    ],
)
async def test_what_never_becomes_a_chunk_ends_in_a_failure_and_takes_no_memory(
    blob: bytes,
) -> None:
    peak, end = await peak_of(sends(blob))
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND
    assert end.cause == f"far: {MOST_BYTES:,} bytes of the stream made no chunk"
    assert peak < SENT / 8


async def test_comments_between_chunks_are_not_added_up() -> None:
    comments = piece(b": still here, " + b"y" * (MOST_BYTES // 2) + b"\n\n")
    patient = says(*[event("word "), comments] * 5, event(finish="stop"), DONE)
    async with far(patient) as (engine, _):
        said = await events(engine)
    assert text(said) == "word " * 5
    assert isinstance(said[-1], Done)


@pytest.mark.parametrize(
    "nothing",
    [
        pytest.param(b"data:\n\n", id="no data"),
        pytest.param(b"data: \ndata:\n\n", id="two lines of no data"),
        pytest.param(b"event: ping\n\n", id="an event"),
        pytest.param(b"retry: 3000\n\n", id="when to come back"),
        pytest.param(b"id: 7\n\n: still here\n\n\n", id="a number, and what comes after it"),
    ],
)
async def test_an_event_without_data_is_no_chunk(nothing: bytes) -> None:
    kept_up = says(piece(nothing), event("word"), piece(nothing), event(finish="stop"), DONE)
    async with far(kept_up) as (engine, _):
        said = await events(engine)
    assert text(said) == "word"
    assert isinstance(said[-1], Done)


async def test_no_question_is_lost_with_the_connection_of_the_one_before() -> None:
    """A server may keep a connection, and close it as the next question is on its way."""

    async def keeps_it_for_a_moment(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD.replace(b"Connection: close\r\n", b""))
        writer.write(event("word", finish="stop") + LAST + END)
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.transport.abort()

    async with far(keeps_it_for_a_moment) as (engine, server):
        said = [await events(engine) for _ in range(3)]
    assert [text(one) for one in said] == ["word"] * 3
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"error": {"message": "CUDA out of memory"}}', FailureKind.OUT_OF_MEMORY, "CUDA out"),
        (b'{"choices": [{"message": {"content": "word"}}]}', FailureKind.BACKEND, '{"choices"'),
        (b"<html>\n<title>Log in</title>", FailureKind.BACKEND, "<html> <title>Log in</title>"),
        (b"y" * 9999, FailureKind.BACKEND, "y" * 99),
    ],
    ids=lambda said: str(said)[:20],
)
async def test_a_response_that_is_no_stream_is_told(
    body: bytes, kind: FailureKind, words: str
) -> None:
    async with far(says(piece(body), END)) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert end.kind is kind
    assert end.cause.startswith(f"far: the response is no stream of chunks: {words}")
    assert len(end.cause) < MOST_LOST + 100


@pytest.mark.parametrize("size", [1, 2, 3, 5, 4096])
async def test_a_mark_before_the_first_event_costs_no_text(size: int) -> None:
    whole = b"\xef\xbb\xbfdata: " + json.dumps(SAID).encode() + b"\n\n"
    pieces = [piece(whole[start : start + size]) for start in range(0, len(whole), size)]
    async with far(says(*pieces, event(finish="stop"), DONE)) as (engine, _):
        assert text(await events(engine)) == "\ufeffword"


async def test_a_long_response_may_come_in_one_chunk() -> None:
    long = "\u6c34" * (MOST_BYTES // 7)  # six bytes each, as JSON escapes them
    async with far(says(event(long, finish="stop"), DONE), **LONG) as (engine, _):
        said = await events(engine)
    assert text(said) == long


def packed(status: str, coding: str, *headers: str) -> Behaviour:
    """Return a behaviour that sends so many bytes in a few."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        lines = (f"HTTP/1.1 {status}", f"Content-Encoding: {coding}", *headers)
        writer.write("\r\n".join(lines).encode() + b"\r\nConnection: close\r\n\r\n" + FEW)
        await writer.drain()
        with suppress(asyncio.CancelledError):  # the test has ended
            await asyncio.sleep(30)

    return behave


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, gzip", "identity, deflate", "zstd"])
async def test_a_packed_response_is_refused_unread(coding: str) -> None:
    peak, end = await peak_of(packed("200 OK", coding))
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND
    assert "packed" in end.cause
    assert "'identity'" in end.cause
    assert peak < SENT / 8


async def test_nor_is_a_packed_answer_unpacked_that_sends_us_elsewhere() -> None:
    short = ("Location: /v2", "Content-Length: 8000")
    peak, end = await peak_of(packed("307 Temporary Redirect", "gzip", *short))
    assert isinstance(end, Failed)
    assert end.cause.startswith("far: HTTP 307")
    assert peak < SENT / 8


async def test_a_response_whose_coding_says_that_it_is_plain_is_read() -> None:
    plain = HEAD.replace(b"Transfer", b"Content-Encoding: identity\r\nTransfer")

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(plain + event("word", finish="stop") + DONE)

    async with far(behave) as (engine, _):
        assert text(await events(engine)) == "word"


async def test_chunks_of_nothing_end_at_the_deadline_and_take_no_memory() -> None:
    peak, end = await peak_of(goes_on(HEAD, piece(ROLE * 1000)), deadline_s=1.0)
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.DEADLINE
    assert peak < SENT / 8


@pytest.mark.parametrize(
    ("flood", "least"),
    [
        pytest.param(piece(ROLE * 1000), 1000, id="chunks in one piece"),
        pytest.param(piece(b":") * 1000 + piece(b"\n\n"), 1000, id="a comment in pieces"),
        pytest.param(piece(b"\n" * 100_000), 20, id="many lines in one piece"),
        pytest.param(event("x" * 900_000), 400, id="a long text in one chunk"),
    ],
)
async def test_others_have_their_turn_however_much_comes_at_once(flood: bytes, least: int) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with far(says(flood, event(finish="stop"), DONE), **LONG) as (engine, _):
        counting = asyncio.create_task(count())
        said = await events(engine)
        counting.cancel()
    assert isinstance(said[-1], Done)
    assert turns > least


async def test_a_chunk_of_many_empty_parts_takes_little_longer_than_its_json() -> None:
    chunk = b'{"choices": [' + b",".join([b"{}"] * 50_000) + b"]}"
    begun = time.process_time()
    json.loads(chunk)
    parsed = time.process_time()
    async with far(says(piece(b"data: " + chunk + b"\n\n"), event(finish="stop"), DONE)) as (
        engine,
        _,
    ):
        said = await events(engine)
    assert isinstance(said[-1], Done)
    assert time.process_time() - parsed < 60 * (parsed - begun)
