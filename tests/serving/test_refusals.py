"""What a server says in place of a response: as much as the log needs, whatever its form."""

import asyncio

import httpx
import pytest
from openai import APIConnectionError

from serving.engine import EngineError, Failed, FailureKind
from serving.refusals import MOST_WORDS, unwrapped
from tests.serving.bad_server import Behaviour, drips, goes_on
from tests.serving.far import events, far

ENDLESS = b"Content-Type: text/plain\r\nConnection: close\r\n\r\n"
LONG = b"Content-Length: 999999999\r\n\r\n"


async def refusal(behave: Behaviour) -> Failed:
    async with far(behave) as (engine, server):
        (end,) = await asyncio.wait_for(events(engine), 20)
        await asyncio.wait_for(server.closed_early.wait(), 20)
        assert engine.health() is None  # it is there
    assert isinstance(end, Failed)
    return end


@pytest.mark.parametrize(
    ("head", "words"),
    [
        pytest.param(b"HTTP/1.1 500 X\r\n" + ENDLESS, "HTTP 500: yyyyy", id="an error"),
        pytest.param(b"HTTP/1.1 500 X\r\n" + LONG, "HTTP 500: yyyyy", id="its length is told"),
        pytest.param(b"HTTP/1.1 300 X\r\n" + ENDLESS, "HTTP 300: yyyyy", id="neither good nor bad"),
        pytest.param(
            b"HTTP/1.1 307 X\r\nLocation: /v2\r\n" + ENDLESS, "HTTP 307: yyyyy", id="elsewhere"
        ),
        pytest.param(
            b"HTTP/1.1 307 X\r\nLocation: /v2\r\n" + LONG, "HTTP 307: yyyyy", id="elsewhere, told"
        ),
    ],
)
async def test_of_an_error_without_end_a_little_is_read(head: bytes, words: str) -> None:
    end = await refusal(goes_on(head))
    assert end.kind is FailureKind.BACKEND
    assert end.cause.startswith(f"far: {words}")
    assert len(end.cause) < MOST_WORDS + 100


async def test_an_error_that_drips_is_told_before_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.refusals.BODY_S", 0.2)
    end = await refusal(drips(b"HTTP/1.1 503 Service Unavailable\r\n" + LONG))
    assert end.kind is FailureKind.BACKEND
    assert end.cause.startswith("far: HTTP 503: xx")


async def test_what_cannot_be_printed_is_not_in_the_log() -> None:
    end = await refusal(goes_on(b"HTTP/1.1 500 X\r\n" + ENDLESS, b"a\x00\x1b[1mb\xff\r\n" * 4096))
    assert end.cause.startswith("far: HTTP 500: a [1mb\ufffd a [1mb\ufffd a")
    assert end.cause.isprintable()


def test_a_refusal_is_found_also_where_the_client_has_wrapped_it() -> None:
    said, lost = EngineError(FailureKind.BACKEND, "HTTP 500: no"), OSError("lost")
    for cause, found in ((said, said), (lost, None)):
        wrapped = APIConnectionError(request=httpx.Request("POST", "http://far.example"))  # type: ignore[arg-type]
        wrapped.__cause__ = cause
        assert unwrapped(wrapped) is (found or wrapped)
