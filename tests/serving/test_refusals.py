"""What a server says in place of a response: as much as the log needs, whatever its form."""

import asyncio
import json

import httpx
import pytest
from openai import APIConnectionError

from serving.engine import EngineError, Failed, FailureKind
from serving.refusals import MOST_WORDS, unwrapped
from tests.serving.bad_server import DONE, Behaviour, drips, event, goes_on, piece, refuses, says
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


LONG_PROMPT, MEMORY = "maximum context length is 16", "CUDA out of memory. Tried to allocate"


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        pytest.param(
            400,
            {"error": {"message": LONG_PROMPT, "code": 400}},
            FailureKind.CONTEXT,
            LONG_PROMPT,
            id="the protocol's form",
        ),
        pytest.param(
            400,
            {"object": "error", "message": LONG_PROMPT},
            FailureKind.CONTEXT,
            LONG_PROMPT,
            id="old vLLM",
        ),
        pytest.param(422, {"detail": LONG_PROMPT}, FailureKind.CONTEXT, LONG_PROMPT, id="FastAPI"),
        pytest.param(
            422,
            {
                "detail": [
                    {"loc": ["body", "seed"], "msg": "not allowed", "input": "a context"},
                    {"loc": ["body", "top_k"], "msg": "too large"},
                ]
            },
            FailureKind.BACKEND,
            "body.seed: not allowed; body.top_k: too large",
            id="FastAPI, of fields, without the prompt that it quotes",
        ),
        pytest.param(500, {"error": MEMORY}, FailureKind.OUT_OF_MEMORY, MEMORY, id="Ollama, TGI"),
        pytest.param(500, MEMORY, FailureKind.OUT_OF_MEMORY, MEMORY, id="plain text"),
        pytest.param(
            502,
            "<html>\n Bad gateway</html>",
            FailureKind.BACKEND,
            "<html> Bad gateway</html>",
            id="HTML",
        ),
        pytest.param(
            500,
            {"error": {"code": 7}},
            FailureKind.BACKEND,
            '{"error": {"code": 7}}',
            id="a number",
        ),
        pytest.param(500, "[" * 8000, FailureKind.BACKEND, "[" * MOST_WORDS, id="too deep"),
        pytest.param(500, '{"error": "half', FailureKind.BACKEND, '{"error": "half', id="cut off"),
        pytest.param(400, "", FailureKind.BACKEND, "without a word", id="nothing"),
    ],
)
async def test_what_a_server_says_is_told_whatever_its_form(
    status: int, body: object, kind: FailureKind, words: str
) -> None:
    said = body if isinstance(body, str) else json.dumps(body)
    async with far(refuses(status, said.encode())) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert (end.kind, end.cause) == (kind, f"far: HTTP {status}: {words}")


@pytest.mark.parametrize("said", [MEMORY, {"message": MEMORY}, {"detail": MEMORY}], ids=str)
async def test_so_is_what_it_says_amid_a_stream(said: object) -> None:
    error = piece(b"data: " + json.dumps({"error": said}).encode() + b"\n\n")
    async with far(says(event("word "), error, DONE)) as (engine, _):
        *_, end = await events(engine)
    assert isinstance(end, Failed)
    assert (end.kind, end.cause) == (FailureKind.OUT_OF_MEMORY, f"far: {MEMORY}")


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
