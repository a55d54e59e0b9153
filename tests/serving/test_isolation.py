"""`arena serve` with its engines in a process of their own, killed in the middle of a battle.

The real command, real tiny models, real HTTP: the page answers, votes are saved, the battle is
void if its rater saw text already, the next one works, and nothing that a browser receives tells a
name.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow

NAMES = ("canary-oak", "canary-pine")
ROSTER = """\
[arena]
title = "Isolated"

[pool]
processes = "device"

[pace]
tick_s = 0.05
start_s = 3.0
characters_per_second = 100000.0
"""
MODEL = """
[[models]]
name = "{name}"
checkpoint = "{folder}"
device = "cpu"
sampling = {{ temperature = 0.0 }}
output_tokens = 200
context_tokens = 2048
"""


@dataclass
class Server:
    """A running `arena serve` and all it has written."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str

    def child(self) -> int:
        """Return the process of engines, of which there is one."""
        children = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # another process that ended meanwhile
                if int(status.read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    children.append(int(status.parent.name))
        (child,) = children
        return child


@dataclass
class Rater:
    """A browser that keeps all it receives."""

    url: str
    received: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Visit the page for its cookie."""
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=20)
        assert self.get("/").status_code == 200

    def get(self, path: str) -> httpx.Response:
        return self._kept(self._client.get(path))

    def post(self, path: str, **said: str) -> httpx.Response:
        return self._kept(self._client.post(path, json=said))

    def opens(self) -> str:
        """Open a battle and return its name."""
        opened = self.post("/api/battles", prompt="Why does ice float?")
        assert opened.status_code == 200, opened.text
        return str(opened.json()["battle_id"])

    def state(self, battle: str) -> str:
        return str(self.get(f"/api/battles/{battle}").json()["state"])

    def watches(self, battle: str) -> None:
        """Follow the panes, as the page does, until text has come."""
        order = json.dumps({"battle": battle, "lang": "en", "n": 1})
        body = {"data": [order], "fn_index": 0, "session_hash": "watching", "trigger_id": 1}
        assert self._kept(self._client.post("/gradio_api/queue/join", json=body)).is_success
        address = "/gradio_api/queue/data?session_hash=watching"
        with self._client.stream("GET", address) as stream:
            for line in stream.iter_lines():
                self.received.append(line)
                if '"append"' in line:
                    return
        raise AssertionError("the panes stayed empty")

    def gets_ready(self) -> str:
        """Open battles until one is ready: at first the models rest, then they load."""
        for _ in range(100):
            opened = self.post("/api/battles", prompt="And now?")
            if opened.status_code != 200:
                time.sleep(0.5)
                continue
            battle = str(opened.json()["battle_id"])
            until(lambda: self.state(battle) != "streaming")  # noqa: B023 -- waited for here
            if self.state(battle) == "ready":
                return battle
        raise AssertionError("no battle became ready")

    def votes(self, battle: str) -> httpx.Response:
        """Vote; what comes back names the models, as it should."""
        token = self.get(f"/api/battles/{battle}").json()["token"]
        press = {"token": token, "outcome": "tie", "key": f"press-{battle}"}
        return self._client.post("/api/votes", json=press)

    def _kept(self, response: httpx.Response) -> httpx.Response:
        self.received.append(f"{response.url} {response.headers} {response.text}")
        return response

    def close(self) -> None:
        self._client.close()


def until(true: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait for what the server is about to do; a busy machine imports torch for a minute."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


@contextmanager
def slowed(process: int) -> Iterator[None]:
    """Let a process run a tenth of the time: a quick one has responded before text is shown."""
    over = threading.Event()

    def slow() -> None:
        while not over.wait(0.05):
            with suppress(ProcessLookupError):  # it was killed
                os.kill(process, signal.SIGSTOP)
                over.wait(0.45)
                os.kill(process, signal.SIGCONT)

    slowing = threading.Thread(target=slow)
    slowing.start()
    try:
        yield
    finally:
        over.set()
        slowing.join()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, make_checkpoint: Callable[..., Path]
) -> Iterator[Server]:
    if not Path("/proc").is_dir():
        pytest.skip("processes are found through /proc")
    folder = make_checkpoint(hidden_size=512, num_hidden_layers=6, max_position_embeddings=2048)
    place = tmp_path_factory.mktemp("lab")
    roster, log = place / "lab.toml", place / "log"
    models = "".join(MODEL.format(name=name, folder=folder) for name in NAMES)
    roster.write_text(ROSTER + models, encoding="utf-8")
    command = [sys.executable, "-m", "arena", "serve", str(roster), "--port", "0"]
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--db", str(place / "arena.db")],
            stdout=written,
            stderr=written,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        until(lambda: process.poll() is not None or "http://" in log.read_text(), 200)
        address = re.search(r"http://[\d.]+:\d+", log.read_text())
        assert address is not None, log.read_text()
        yield Server(process, log, address[0])
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def ada(server: Server) -> Iterator[Rater]:
    yield from _visit(server)


@pytest.fixture
def bob(server: Server) -> Iterator[Rater]:
    yield from _visit(server)


def _visit(server: Server) -> Iterator[Rater]:
    rater = Rater(server.url)
    yield rater
    rater.close()


def test_a_process_killed_before_any_text_was_seen_costs_no_battle(
    server: Server, ada: Rater
) -> None:
    first = server.child()
    battle = ada.opens()
    os.kill(first, signal.SIGKILL)  # before start_s, also where the machine is slow to look

    until(lambda: ada.state(battle) != "streaming")
    assert ada.votes(battle).json()["saved"]
    assert server.child() != first
    assert "was ended by SIGKILL" in server.log.read_text()


def test_a_process_killed_while_text_is_seen_costs_one_battle(
    server: Server, ada: Rater, bob: Rater
) -> None:
    ready = bob.gets_ready()
    first = server.child()
    with slowed(first):
        lost = ada.opens()
        ada.watches(lost)
        assert ada.state(lost) == "streaming"
        os.kill(first, signal.SIGKILL)

    until(lambda: ada.state(lost) == "void")
    assert ada.get("/").status_code == 200
    assert ada.get("/healthz").text == "ok\n"
    assert bob.votes(ready).json()["saved"]
    until(lambda: f"battle {lost} is void" in server.log.read_text())

    assert ada.votes(ada.gets_ready()).json()["saved"]
    second = server.child()
    assert second != first

    received = "\n".join([*ada.received, *bob.received])
    assert not any(name in received for name in (*NAMES, "SIGKILL", "checkpoint"))
    assert "libtorch" not in Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "libtorch" in Path(f"/proc/{second}/maps").read_text()


def test_ctrl_c_closes_everything_in_order(server: Server, ada: Rater) -> None:
    said_before = len(server.log.read_text())
    battle = ada.opens()
    child = server.child()
    assert ada.state(battle) == "streaming"
    os.killpg(server.process.pid, signal.SIGINT)
    server.process.wait(30)
    assert not Path(f"/proc/{child}").exists()
    log = server.log.read_text()[said_before:]
    assert "ERROR serving" not in log
    assert "Traceback" not in log
