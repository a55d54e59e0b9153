"""A server as its people start it: a process of its own, reached through HTTP.

What is refused before anything is served is refused in this process.
"""

import asyncio
import gc
import json
import logging
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn

from arena.cli.serve import _listening, _serve, is_no_cancelled_stream, where_it_is
from arena.running import open_store, put_together
from arena.settings import load_settings
from tests.arena.cli.conftest import Arena

pytestmark = pytest.mark.slow

FEW = 128  # open files that a server is given in a test

ROSTER = """\
[arena]
title = "Rehearsed"

[[models]]
name = "oak"
kind = "scripted"
responses = ["It is."]

[[models]]
name = "pine"
kind = "scripted"
responses = ["It is not."]
"""


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "lab.toml"
    path.write_text(ROSTER, encoding="utf-8")
    return path


@contextmanager
def served(roster: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server on a free port until the block ends; give its process and address."""
    command = [sys.executable, "-m", "arena", "serve", str(roster), "--port", "0"]
    command += ["--db", str(roster.with_name("arena.db"))]
    process = subprocess.Popen(  # noqa: S603 - our own code
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = re.search(r"http://[\d.]+:\d+", said)
        assert address, (said, process.stderr.read() if process.stderr else "")
        yield process, address[0]
    finally:
        process.kill()
        process.communicate()


def streamed_battle(client: httpx.Client) -> dict[str, object]:
    client.get("/")
    battle = client.post("/api/battles", json={"prompt": "Is a bat a mammal?"}).json()
    deadline = time.monotonic() + 30
    while battle["state"] == "streaming" and time.monotonic() < deadline:
        time.sleep(0.05)
        battle = client.get(f"/api/battles/{battle['battle_id']}").json()
    return dict(battle)


def ready_battle(client: httpx.Client) -> dict[str, object]:
    battle = streamed_battle(client)
    assert battle["state"] == "ready"
    return battle


def test_a_kill_right_after_saved_loses_nothing(roster: Path) -> None:
    with served(roster) as (process, address), httpx.Client(base_url=address) as client:
        battle = ready_battle(client)
        vote = {"token": battle["token"], "outcome": "model_b", "key": "press-0001"}
        saved = client.post("/api/votes", json=vote)
        process.kill()
        assert saved.json()["saved"] is True
        cookies = dict(client.cookies)
    with served(roster) as (_, address), httpx.Client(base_url=address, cookies=cookies) as client:
        again = client.get(f"/api/battles/{battle['battle_id']}").json()
        assert (again["state"], again["reveal"]["outcome"]) == ("voted", "model_b")
        assert client.post("/api/votes", json=vote).json()["seq"] == saved.json()["seq"]
    with closing(sqlite3.connect(roster.with_name("arena.db"))) as connection:
        assert connection.execute("SELECT outcome FROM vote").fetchall() == [("model_b",)]


def test_a_server_without_local_models_loads_no_torch_and_stops_in_order(roster: Path) -> None:
    with served(roster) as (process, address):
        assert httpx.get(f"{address}/healthz").status_code == 200
        if (mapped := Path(f"/proc/{process.pid}/maps")).exists():
            libraries = mapped.read_text(encoding="utf-8")
            assert ("libtorch" in libraries, "pydantic_core" in libraries) == (False, True)
            assert "matplotlib/_image" not in libraries  # of pyplot, that nothing here draws with
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130, -signal.SIGINT)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_collecting_garbage_looks_at_nothing_that_libraries_made(
    roster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(roster.parent)
    kept: list[int] = []

    async def serve(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        del server, sockets
        kept.extend([len(gc.get_objects()), gc.get_freeze_count()])

    monkeypatch.setattr(uvicorn.Server, "serve", serve)
    settings = load_settings(roster)
    arena = put_together(settings, *open_store(settings))
    with _listening("127.0.0.1", 0) as listener:
        asyncio.run(_serve(arena, listener))
    gc.unfreeze()
    assert kept[0] < kept[1] / 100


def test_a_battle_that_streams_at_the_end_is_ended_in_order(roster: Path) -> None:
    endless = "behaviour = { endless = true, chunk_s = 0.1 }\nresponses ="
    roster.write_text(ROSTER.replace("responses =", endless), encoding="utf-8")
    with served(roster) as (process, address), httpx.Client(base_url=address) as client:
        client.get("/")
        battle = client.post("/api/battles", json={"prompt": "Is a bat a mammal?"}).json()
        order = json.dumps({"battle": battle["battle_id"], "lang": "en", "n": 1})
        join = {"data": [order], "fn_index": 0, "session_hash": "tab"}
        client.post("/gradio_api/queue/join", json=join).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data?session_hash=tab") as stream:
            pieces = stream.iter_raw()  # held: without it the stream is closed from here
            next(pieces)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) in (0, 130, -signal.SIGINT)
            rest = b"".join(pieces)
        assert process.stderr is not None
        said = process.stderr.read()
    assert b"close_stream" in rest
    assert len(said.splitlines()) == 2  # loading, and where the votes are
    with closing(sqlite3.connect(roster.with_name("arena.db"))) as connection:
        query = "SELECT kind, cause FROM ending"
        assert connection.execute(query).fetchall() == [("void", "the server was stopped")]


def test_only_the_end_of_a_stream_is_left_out_of_the_log() -> None:
    def record(error: BaseException | None) -> logging.LogRecord:
        exc_info = None if error is None else (type(error), error, None)
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "m", None, exc_info)

    assert not is_no_cancelled_stream(record(asyncio.CancelledError()))
    assert is_no_cancelled_stream(record(ValueError("Cancelled")))
    assert is_no_cancelled_stream(record(None))


@pytest.mark.parametrize(
    ("public_url", "host", "where"),
    [
        (None, "127.0.0.1", "http://127.0.0.1:7860"),
        (None, "::1", "http://[::1]:7860"),
        ("http://10.0.0.1:7860", "10.0.0.1", "http://10.0.0.1:7860"),
        ("https://a.org", "0.0.0.0", "https://a.org (sent on to http://0.0.0.0:7860 by a proxy)"),  # noqa: S104
    ],
)
def test_it_says_where_browsers_find_it(public_url: str | None, host: str, where: str) -> None:
    assert where_it_is(public_url, host, 7860) == where


def test_a_server_whose_log_nobody_can_write_stores_why_a_battle_is_void(roster: Path) -> None:
    broken = "[models.behaviour]\nfail_at = 0"
    roster.write_text(f"{ROSTER}{broken}\n", encoding="utf-8")
    with served(roster) as (process, address), httpx.Client(base_url=address) as client:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()
        streamed_battle(client)
        assert client.get("/healthz").status_code == 200
        process.stdout = process.stderr = None
    with closing(sqlite3.connect(roster.with_name("arena.db"))) as connection:
        query = "SELECT kind, model.name FROM ending JOIN model ON model.id = ending.blames"
        assert connection.execute(query).fetchall() == [("void", "pine")]


def refused(arena: Arena, *words: str | Path) -> str:
    """Return what is said of a server that is not opened."""
    done = arena(*words)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    return done.stderr


def test_two_servers_on_one_database_are_refused(roster: Path, arena: Arena) -> None:
    with served(roster):
        db = roster.with_name("arena.db")
        said = refused(arena, "serve", roster, "--port", "0", "--db", db)
    assert "another Evenhand server, or a command that writes to it" in said


def test_a_busy_port_is_told_with_another_one(roster: Path, arena: Arena) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = refused(arena, "serve", roster, "--port", str(port))
    assert f"Port {port} on 127.0.0.1 is in use" in said
    other = re.search(r"--port (\d+)$", said.rstrip())
    assert other
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(other[1])))


def test_a_port_that_is_in_use_too_is_not_proposed(roster: Path, arena: Arena) -> None:
    with ExitStack() as held:
        first, second = two_ports_in_a_row(held)
        said = refused(arena, "serve", roster, "--port", str(first))
        assert f"Port {first} on 127.0.0.1 is in use" in said
        assert f"--port {second}\n" not in said


def two_ports_in_a_row(held: ExitStack) -> tuple[int, int]:
    """Take two ports that follow each other until the stack ends."""
    while True:
        one = held.enter_context(socket.socket())
        one.bind(("127.0.0.1", 0))
        one.listen()
        port: int = one.getsockname()[1]
        other = held.enter_context(socket.socket())
        with suppress(OSError, OverflowError):  # somebody else's, or beyond the last
            other.bind(("127.0.0.1", port + 1))
            other.listen()
            return port, port + 1


def test_beside_the_last_port_the_one_before_it_is_named(roster: Path, arena: Arena) -> None:
    with socket.socket() as holder:
        try:
            holder.bind(("127.0.0.1", 65535))
            holder.listen()
        except OSError:
            pass  # somebody else holds it: as good
        said = refused(arena, "serve", roster, "--port", "65535")
    assert said.endswith("--port 65534\n")


def test_an_empty_address_does_not_open_the_arena_to_every_network(
    roster: Path, arena: Arena
) -> None:
    said = refused(arena, "serve", roster, "--host", "", "--port", "99")
    assert "The address to listen on is empty" in said


def test_an_address_of_another_machine_is_told_with_the_way_out(roster: Path, arena: Arena) -> None:
    said = refused(arena, "serve", roster, "--host", "192.0.2.1", "--port", "0")
    assert "The address 192.0.2.1:0 cannot be used (" in said
    assert "with --host" in said


def test_a_missing_roster_is_named(tmp_path: Path, arena: Arena) -> None:
    assert "There is no configuration" in refused(arena, "serve", tmp_path / "gone.toml")


def test_a_mistake_in_the_roster_is_told_with_its_line(roster: Path, arena: Arena) -> None:
    roster.write_text(ROSTER.replace("title", "titel"), encoding="utf-8")
    assert "line 2, arena.titel: unknown key" in refused(arena, "serve", roster, "--port", "0")


def test_a_roster_without_two_usable_models_is_refused(roster: Path, arena: Arena) -> None:
    (roster.parent / "elm").mkdir()
    (roster.parent / "elm" / "pytorch_model.bin").write_bytes(b"pickled")
    broken = 'name = "oak"\ncheckpoint = "elm"'
    text = ROSTER.replace('name = "oak"\nkind = "scripted"\nresponses = ["It is."]', broken)
    roster.write_text(text, encoding="utf-8")
    said = refused(arena, "serve", roster, "--port", "0", "--db", roster.with_name("a.db"))
    assert "Fewer than two models of the roster can respond" in said
    assert f"{roster}, line 6, models[0].checkpoint: oak: " in said


def test_forgotten_tabs_beyond_the_first_limit_of_connections_shut_nobody_out(roster: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))  # what the server is given
    try:
        with served(roster) as (process, address), ExitStack() as tabs:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            host, port = address.removeprefix("http://").split(":")
            for tab in range(FEW + 50):
                line = tabs.enter_context(socket.create_connection((host, int(port)), 10))
                line.sendall(
                    f"GET /gradio_api/heartbeat/s{tab} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                )
            assert httpx.get(f"{address}/healthz", timeout=20).text == "ok\n"
            assert process.poll() is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_connects_is_looked_after_so_that_one_that_vanished_is_let_go() -> None:
    with _listening("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            line, _ = listener.accept()
            with line:
                assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
