"""A server is asked whether it serves us: in time, whatever it does, and told in one sentence."""

import asyncio
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from serving.engine import EngineError, KeyRefusedError
from serving.reach import reach
from serving.refusals import BusyError
from tests.serving.bad_server import (
    DONE,
    Behaviour,
    answers,
    drips,
    event,
    fails,
    hangs_before_headers,
    hangs_mid_stream,
    in_turn,
    is_busy,
    piece,
    refuses,
    refuses_length,
    says,
    serving,
    talks_nonsense,
)
from tests.serving.far import GOOD, spec_of, unknown_name

ENTRY = "correct url, or what this entry asks for"
WHOLE_AT_ONCE = says(
    piece(b'data: {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}\n\n'), DONE
)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever answers answer in time, also where the machine is busy."""
    monkeypatch.setattr("serving.reach.REACH_S", 30.0)
    monkeypatch.setattr("serving.reach.LIST_S", 30.0)


async def reached(behave: Behaviour) -> None:
    async with serving(behave) as server:
        await asyncio.wait_for(asyncio.to_thread(reach, spec_of(server.url)), 60)


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(in_turn(GOOD), id="responds, whatever its list is"),
        pytest.param(in_turn(refuses(429, b"one a second"), GOOD), id="is busy in that moment"),
    ],
)
async def test_who_responds_is_reached(behave: Behaviour) -> None:
    await reached(behave)


async def asked_apart(responds: Behaviour, lists: Behaviour) -> None:
    """Reach a server that behaves in another way where it is asked what it serves."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await (lists if server.head.startswith(b"GET") else responds)(writer)

    async with serving(behave) as server:
        await asyncio.wait_for(asyncio.to_thread(reach, spec_of(server.url)), 60)


@pytest.mark.parametrize(
    "responds",
    [
        pytest.param(hangs_mid_stream, id="a word"),
        pytest.param(says(*[event()] * 999, pause_s=0.02), id="or thinks"),
    ],
)
async def test_who_has_begun_to_respond_is_reached(
    responds: Behaviour, monkeypatch: pytest.MonkeyPatch, late_once_heard: Callable[[], None]
) -> None:
    monkeypatch.setattr("serving.reach.REACH_S", 20.0)
    late_once_heard()
    await asked_apart(responds, refuses(503, b"not asked"))


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param(answers("200 OK"), id="lists nothing"),
        pytest.param(answers("404 Not Found"), id="knows no list"),
        pytest.param(answers("307 X"), id="nor is sent elsewhere"),
        pytest.param(answers("429 X"), id="asked too often for it"),
        pytest.param(
            drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), id="has an endless list"
        ),
    ],
)
async def test_so_is_who_is_slow_and_answers(
    lists: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.reach.REACH_S", 0.2)
    await asked_apart(hangs_before_headers, lists)


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nX: "), "no answer within 0 s", id="drips"),
        pytest.param(hangs_before_headers, "no answer within 0 s", id="hangs"),
        pytest.param(talks_nonsense, "RemoteProtocolError", id="not HTTP"),
        pytest.param(answers("502 Bad Gateway"), "HTTP 502", id="not behind who answers"),
        pytest.param(answers("503 Service Unavailable"), "HTTP 503", id="still loading"),
        pytest.param(answers("503 X\r\nRetry-After: 99"), "HTTP 503", id="and says for how long"),
        pytest.param(answers("500 X"), "HTTP 500", id="broken"),
        pytest.param(
            answers("404 X"), "HTTP 404: x+; correct url.* or remote_name", id="no such model"
        ),
        pytest.param(answers("307 X"), f"HTTP 307: x+; {ENTRY}", id="sent elsewhere"),
        pytest.param(is_busy("60"), "HTTP 429: slow down; wait until .*limits", id="no quota"),
        pytest.param(
            refuses(400, b"no top_p here"), f"HTTP 400: no top_p here; {ENTRY}", id="refused"
        ),
        pytest.param(
            refuses_length, "HTTP 400: .* context length is 16.*; lower output_tokens", id="length"
        ),
        pytest.param(fails, "HTTP 500: CUDA out of memory.*; lower output_tokens", id="memory"),
        pytest.param(answers("200 OK"), f"the response is no stream.*; {ENTRY}", id="a page"),
        pytest.param(WHOLE_AT_ONCE, f"in place of a delta came.*; {ENTRY}", id="no deltas"),
    ],
)
async def test_whoever_does_not_serve_us_is_told_in_time(
    behave: Behaviour, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why.startswith("no answer"):
        monkeypatch.setattr("serving.reach.REACH_S", 0.4)
        monkeypatch.setattr("serving.reach.LIST_S", 0.4)
    told = f"far: .* does not serve us: {why}"
    told += "" if "; " in why else ".*; start the server"
    with pytest.raises(EngineError, match=told) as caught:
        await reached(behave)
    assert not isinstance(caught.value, KeyRefusedError)


@pytest.mark.parametrize("status", ["502 X", "403 X"])
async def test_who_is_slow_and_has_nobody_behind_it_is_told(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.reach.REACH_S", 0.2)
    with pytest.raises(EngineError, match=f"does not serve us: HTTP {status[:3]}"):
        await asked_apart(hangs_before_headers, answers(status))


async def test_who_is_busy_is_told_from_who_is_away() -> None:
    with pytest.raises(BusyError, match="does not serve us: HTTP 429: slow down; wait until"):
        await reached(is_busy("60"))


async def test_it_is_asked_as_in_a_battle() -> None:
    async with serving(GOOD) as server:
        spec = spec_of(server.url, stop=("###",), sampling={"top_k": 7})
        await asyncio.to_thread(reach, spec)
    (ask,) = server.asked
    assert (ask["max_tokens"], ask["top_k"], ask["stop"]) == (512, 7, ["###"])


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
    told = f"far: .* does not serve us: HTTP {status}: .*; it refuses our key: let api_key_env name"
    with pytest.raises(KeyRefusedError, match=told):
        await reached(behave)


UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
NOT_TLS = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")


@pytest.mark.parametrize("raised", [UNTRUSTED, NOT_TLS], ids=str)
def test_a_connection_that_is_not_safe_is_told_as_such(
    raised: ssl.SSLError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses_us(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("socket.getaddrinfo", refuses_us)
    told = f"no safe connection: {raised.strerror}; correct url, or let SSL_CERT_FILE name"
    with pytest.raises(EngineError, match=re.escape(told)):
        reach(spec_of("https://far.example/v1"))


def test_no_password_of_an_address_is_told() -> None:
    told = "far: http://127.0.0.1:1/v1 does not serve us: "
    with pytest.raises(EngineError, match=told):
        reach(spec_of("http://someone:s3cret@127.0.0.1:1/v1?key=s3cret"))


def test_an_address_that_nobody_understands_is_told_in_one_sentence() -> None:
    with pytest.raises(EngineError, match=rf"serve us: InvalidURL.*; {ENTRY}"):
        reach(spec_of("http://h\x01/v1"))


def test_a_name_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> None:
        asked.set()
        answered.wait(60)
        unknown_name()

    monkeypatch.setattr("socket.getaddrinfo", hangs)
    monkeypatch.setattr("serving.reach.REACH_S", 0.4)
    monkeypatch.setattr("serving.reach.LIST_S", 0.4)
    begun = time.monotonic()
    with pytest.raises(EngineError, match="no answer within 0 s"):
        reach(spec_of("http://far.example/v1"))
    assert asked.is_set()
    assert time.monotonic() - begun < 30  # the name server hangs for a minute
    answered.set()


NEVER_RESOLVED = """
import socket, time
from serving import reach
from serving.engine import EngineError
from serving.spec import ModelSpec

socket.getaddrinfo = lambda *_, **__: time.sleep(600)
reach.REACH_S = 0.4
try:
    reach.reach(ModelSpec(name="far", url="http://far.example/v1", remote_name="x"))
except EngineError as refusal:
    print(refusal)
"""


NEVER_RESPONDED = """
import asyncio, socket, time
from serving.engine import Prompt
from serving.remote import RemoteEngine
from serving.spec import ModelSpec

socket.getaddrinfo = lambda *_, **__: time.sleep(600)

async def end(spec):
    async for event in RemoteEngine(spec).stream(Prompt.of("hello")):
        return event.cause

async def main():
    fields = dict(url="http://far.example/v1", remote_name="x", first_token_s=0.4)
    specs = [ModelSpec(name=f"far {number}", **fields) for number in range(40)]
    print(await asyncio.gather(*map(end, specs)))
    print(await asyncio.to_thread(str, "others have their turn"))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [
        pytest.param(NEVER_RESOLVED, "no answer within 0 s", id="who asks"),
        pytest.param(NEVER_RESPONDED, "others have their turn", id="who responds"),
    ],
)
def test_nor_does_it_hold_up_the_end_of_the_program(program: str, told: str) -> None:
    ended = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told in ended.stdout
    assert ended.stderr == ""
