"""What a server says in place of a response: as much as the log needs, whatever its form."""

import asyncio
import json
from itertools import pairwise

import httpx
import pytest
from openai import APIConnectionError

from serving.engine import Done, EngineError, Failed, FailureKind
from serving.refusals import MOST_WORDS, unwrapped
from tests.serving.bad_server import (
    DONE,
    Behaviour,
    drips,
    event,
    goes_on,
    is_busy,
    piece,
    refuses,
    says,
    serving,
)
from tests.serving.far import GOOD, events, far, is_trial, text

ENDLESS = b"Content-Type: text/plain\r\nConnection: close\r\n\r\n"
LONG = b"Content-Length: 999999999\r\n\r\n"


async def refusal(behave: Behaviour) -> Failed:
    async with far(behave) as (engine, server):
        (end,) = await asyncio.wait_for(events(engine), 20)
        await asyncio.wait_for(server.closed_early.wait(), 20)
    assert isinstance(end, Failed)
    return end


@pytest.mark.parametrize(
    ("head", "words"),
    [
        pytest.param(b"HTTP/1.1 500 X\r\n" + ENDLESS, "HTTP 500: yyyyy", id="an error"),
        pytest.param(b"HTTP/1.1 500 X\r\n" + LONG, "HTTP 500: yyyyy", id="its length is told"),
        pytest.param(b"HTTP/1.1 300 X\r\n" + ENDLESS, "HTTP 300: yyyyy", id="neither good nor bad"),
        pytest.param(
            b"HTTP/1.1 307 X\r\nLocation: /v2\r\n" + ENDLESS, "HTTP 307: it", id="elsewhere"
        ),
        pytest.param(
            b"HTTP/1.1 307 X\r\nLocation: /v2\r\n" + LONG, "HTTP 307: it", id="elsewhere, told"
        ),
    ],
)
async def test_of_an_error_without_end_a_little_is_read(head: bytes, words: str) -> None:
    end = await refusal(goes_on(head))
    assert end.kind is FailureKind.BACKEND
    assert end.cause.startswith(f"far: {words}")
    assert len(end.cause) < MOST_WORDS + 100


def leads_to(location: str, status: int = 307) -> Behaviour:
    """Return a behaviour that sends us elsewhere."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()

    return behave


async def test_a_prompt_goes_to_no_other_server() -> None:
    async with (
        serving(GOOD) as other,
        far(leads_to(f"http://localhost:{other.port}/v1/chat/completions")) as (engine, server),
    ):
        (end,) = await events(engine)
        assert isinstance(end, Failed)
        assert f"it sends us to http://localhost:{other.port}, and we do not go" in end.cause
        assert [is_trial(ask) for ask in server.asked] == [False, True]  # it is doubted
        assert (len(other.asked), other.head) == (0, b"")
        assert engine.health() == end.cause


@pytest.mark.parametrize(
    ("status", "location", "where"),
    [
        (301, "https://far.example/v1?key=secret", "https://far.example"),
        (302, "https://name:secret@far.example:8443/v1", "https://far.example:8443"),
        (303, "//far.example/secret", "far.example"),
        (307, "/secret", "another page"),
        (307, "http://[secret/v1", "another page"),
        (308, "file:///etc/secret", "another page"),
    ],
)
async def test_of_where_a_server_sends_us_only_the_host_is_told(
    status: int, location: str, where: str
) -> None:
    async with far(leads_to(location, status)) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    told = f"far: HTTP {status}: it sends us to {where}, and we do not go; correct url"
    assert (end.kind, end.cause) == (FailureKind.BACKEND, told)


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


SAID_OF_LENGTH = {
    "vLLM": "This model's maximum context length is 16 tokens. However, you requested 40 tokens "
    "(30 in the messages, 10 in the completion). Please reduce the length of the messages.",
    "vLLM, images": "The decoder prompt (length 40) is longer than the maximum model length of 16.",
    "vLLM, older": "The prompt (total length 40) is too long to fit into the model",
    "SGLang": "The input (40 tokens) is longer than the model's context length (16 tokens).",
    "SGLang, memory": "Input length (40 tokens) exceeds the maximum allowed length (16 tokens).",
    "llama.cpp": "the request exceeds the available context size, try increasing it",
    "llama-cpp-python": "Requested tokens (40) exceed context window of 16",
    "Ollama": "the input length exceeds the context length",
    "LM Studio": "Trying to keep the first 40 tokens when context the overflows. However, the "
    "model is loaded with context length of only 16 tokens, which is not enough.",
    "TGI": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 16.",
    "TGI, prompt": "Input validation error: `inputs` must have less than 16 tokens. Given: 40",
    "Mistral": "Prompt contains 40 tokens, too large for model with 16 maximum context length",
    "hosted": "prompt is too long: 40 tokens > 16 maximum",
}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        *[pytest.param(400, said, id=who) for who, said in SAID_OF_LENGTH.items()],
        *[(status, SAID_OF_LENGTH["llama.cpp"]) for status in (413, 422, 500)],
    ],
)
async def test_a_prompt_that_is_too_long_is_known_by_what_real_servers_say(
    status: int, said: str
) -> None:
    body = json.dumps({"error": {"message": said, "type": "BadRequestError"}}).encode()
    async with far(refuses(status, body)) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert (end.kind, end.cause) == (FailureKind.CONTEXT, f"far: HTTP {status}: {said}")


@pytest.mark.parametrize(
    "error",
    [
        {"message": "over the limit", "code": "context_length_exceeded"},
        {"message": "over the limit", "code": 400, "type": "exceed_context_size_error"},
    ],
    ids=str,
)
async def test_so_it_is_by_a_code_that_says_it(error: dict[str, object]) -> None:
    async with far(refuses(400, json.dumps({"error": error}).encode())) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.CONTEXT
    assert end.cause.startswith("far: HTTP 400: over the limit (")


async def test_a_prompt_may_be_found_too_long_amid_a_stream() -> None:
    error = {"code": 400, "message": SAID_OF_LENGTH["llama.cpp"]}
    async with far(says(piece(b"data: " + json.dumps({"error": error}).encode() + b"\n\n"))) as (
        engine,
        _,
    ):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.CONTEXT


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "top_k is not supported in this context"),
        (400, "context: field required"),
        (422, "body.seed: not a context"),
        (400, "max_tokens must be <= 16"),
        (400, "stop: this string is too long"),
        (429, "the request exceeds the available context size"),
        (404, "no model with a maximum context length of 16"),
    ],
)
async def test_other_refusals_are_not_taken_for_it(status: int, said: str) -> None:
    refused = refuses(status, json.dumps({"message": said}).encode())
    async with far(refused, first_token_s=1.0) as (engine, _):  # no time for who is busy
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND
    assert end.cause.startswith(f"far: HTTP {status}: {said}")


async def test_where_nothing_is_found_the_cause_says_what_may_be_wrong() -> None:
    async with far(refuses(404, b'{"detail": "Not Found"}')) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    way_out = "correct url, which often ends in /v1, or remote_name"
    assert end.cause == f"far: HTTP 404: Not Found; {way_out}"


@pytest.mark.parametrize("said", [MEMORY, {"message": MEMORY}, {"detail": MEMORY}], ids=str)
async def test_so_is_what_it_says_amid_a_stream(said: object) -> None:
    error = piece(b"data: " + json.dumps({"error": said}).encode() + b"\n\n")
    async with far(says(event("word "), error, DONE)) as (engine, _):
        *_, end = await events(engine)
    assert isinstance(end, Failed)
    assert (end.kind, end.cause) == (FailureKind.OUT_OF_MEMORY, f"far: {MEMORY}")


async def test_words_too_deep_in_an_error_amid_a_stream_are_not_looked_for() -> None:
    deep = b'{"message":' * 600 + b'"word"' + b"}" * 600
    async with far(says(piece(b'data: {"error": ' + deep + b"}\n\n"))) as (engine, _):
        (end,) = await events(engine)
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND


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


DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
SOON = "Wed, 21 Oct 2015 07:28:01 GMT"
MINUTE = "Wed, 21 Oct 2015 07:29:00 GMT"


@pytest.mark.parametrize(
    ("again", "seconds"),
    [
        pytest.param("Retry-After: 1\r\n", 1.0, id="in seconds"),
        pytest.param("Retry-After: 0.3\r\n", 0.3, id="in parts of one"),
        pytest.param("Retry-After: 0\r\n", 0.1, id="now"),
        pytest.param(f"Date: {DATE}\r\nRetry-After: {SOON}\r\n", 1.0, id="by its own clock"),
        pytest.param(f"Retry-After: {DATE}\r\n", 0.1, id="at a moment that is over"),
        pytest.param("Retry-After: \r\n", 0.1, id="at no time"),
        pytest.param("Retry-After: -1\r\n", 0.1, id="at none that can be"),
        pytest.param(f"Retry-After: Wed, 21 Oct 2015 {'9' * 4000}:28:00 GMT\r\n", 0.1, id="never"),
        pytest.param("Retry-After: Wed, 21 Oct 99999 07:28:00 GMT\r\n", 0.1, id="in no year"),
        pytest.param("", 0.1, id="without a word"),
    ],
)
async def test_a_busy_server_is_asked_again_when_it_says(
    again: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.remote.AGAIN_S", 0.1)
    monkeypatch.setattr("serving.refusals.AGAIN_S", 0.1)
    asked: list[float] = []

    async def busy_once(writer: asyncio.StreamWriter) -> None:
        asked.append(asyncio.get_running_loop().time())
        await (refuses(429, b"slow down", again) if len(asked) == 1 else GOOD)(writer)

    async with far(busy_once) as (engine, _):
        said = await events(engine)
    assert text(said) == "The sky is blue."
    assert asked[1] - asked[0] >= seconds


@pytest.mark.parametrize(
    ("again", "times"),
    [
        pytest.param("Retry-After: 0.3\r\n", 2, id="soon"),
        pytest.param("Retry-After: 60\r\n", 1, id="later than anybody waits"),
        pytest.param("Retry-After: soon\r\n", 1, id="at no time"),
        pytest.param("", 1, id="without a word"),
    ],
)
async def test_a_server_that_is_away_for_a_moment_is_asked_again_if_it_says_when(
    again: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.refusals.AGAIN_S", 0.1)

    async def away_once(writer: asyncio.StreamWriter) -> None:
        await (refuses(503, b"restarting", again) if len(server.asked) == 1 else GOOD)(writer)

    async with far(away_once) as (engine, server):
        said = await events(engine)
    assert len(server.asked) == times
    assert isinstance(said[-1], Done if times > 1 else Failed)


async def test_who_does_not_say_when_is_asked_less_and_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.remote.AGAIN_S", 0.1)
    asked: list[float] = []

    async def is_full(writer: asyncio.StreamWriter) -> None:
        asked.append(asyncio.get_running_loop().time())
        await refuses(429, b"slow down")(writer)

    async with far(is_full, first_token_s=2.4) as (engine, _):  # half of which is waited for
        (end,) = await events(engine)
        assert engine.health() is None
    assert isinstance(end, Failed)
    assert end.cause == "far: HTTP 429: slow down"
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert 1 <= len(waits) <= 3  # a busy machine is late
    assert all(wait >= 0.09 * 2**number for number, wait in enumerate(waits))


@pytest.mark.parametrize(
    "again", ["60", "9" * 400, f"{MINUTE}\r\nDate: {DATE}", "Sun, 21 Oct 9999 07:28:00 GMT"]
)
async def test_a_server_that_is_busy_for_long_fails_at_once(again: str) -> None:
    async with far(is_busy(again)) as (engine, server):
        (end,) = await events(engine)
        assert engine.health() is None
    assert isinstance(end, Failed)
    assert "HTTP 429" in end.cause
    assert len(server.asked) == 1
