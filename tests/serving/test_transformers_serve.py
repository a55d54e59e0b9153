"""A real OpenAI-compatible server, `transformers serve`, with a tiny checkpoint."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.engine import Delta, Done, EngineError, Event, Message, Prompt
from serving.local import build
from serving.reach import reach
from serving.remote import RemoteEngine
from serving.spec import ModelSpec

pytestmark = pytest.mark.slow

START_S = 120  # an idle machine needs 12
ASK = Prompt.of("hello")


@pytest.fixture(scope="module")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `transformers serve` for one checkpoint and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("transformers")
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    small = ["--continuous-batching", "--cb-num-blocks", "16", "--cb-max-batch-tokens", "256"]
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(  # noqa: S603 -- the command of our own environment
            [command, "serve", str(checkpoint), *where, *small],
            stdout=output,
            stderr=output,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", running, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        running.terminate()
        running.wait(20)


def _wait(address: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(START_S * 4):
        assert running.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urllib.request.urlopen(address, timeout=1):  # noqa: S310 -- loopback
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"no answer from {address}: {log.read_text(errors='replace')[-2000:]}")


def engine_of(url: str, checkpoint: Path, **fields: Any) -> RemoteEngine:  # noqa: ANN401
    defaults = {
        "name": "far",
        "sampling": {"temperature": 0.0},
        "output_tokens": 12,
        "first_token_s": START_S,
    }
    return RemoteEngine(
        ModelSpec(**{**defaults, "url": url, "remote_name": str(checkpoint), **fields})
    )


async def events(engine: RemoteEngine, prompt: Prompt = ASK) -> list[Event]:
    return [event async for event in engine.stream(prompt)]


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


async def test_a_served_model_says_what_it_says_at_home(server: str, checkpoint: Path) -> None:
    far = engine_of(server, checkpoint)
    said = await events(far)
    await far.close()
    spec = ModelSpec.model_validate(
        {
            "name": "near",
            "checkpoint": str(checkpoint),
            "sampling": {"temperature": 0.0},
            "output_tokens": 12,
        }
    )
    near = build(spec)
    home = [event async for event in near.stream(ASK)]
    await near.close()
    assert isinstance(said[-1], Done), said[-1]
    assert said[-1].finish_reason == "length"
    assert text(said).rstrip("\ufffd") == text(home).rstrip("\ufffd")


async def test_it_is_reached_and_another_model_of_it_is_not(server: str, checkpoint: Path) -> None:
    spec = ModelSpec(name="far", url=server, remote_name=str(checkpoint))
    await asyncio.to_thread(reach, spec)
    other = spec.model_copy(update={"remote_name": "somebody/else"})
    with pytest.raises(EngineError, match=r"does not serve us: HTTP [45]\d\d: "):
        await asyncio.to_thread(reach, other)


async def test_a_stop_string_is_cut_though_the_server_ignores_it(
    server: str, checkpoint: Path
) -> None:
    far = engine_of(server, checkpoint)
    whole = text(await events(far))
    await far.close()
    stop = whole[4:6]
    far = engine_of(server, checkpoint, stop=[stop])
    said = await events(far)
    await far.close()
    assert isinstance(said[-1], Done), said[-1]
    assert text(said) == whole[: whole.index(stop)]


async def test_several_conversations_are_served_at_once(server: str, checkpoint: Path) -> None:
    far = engine_of(server, checkpoint)
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    prompts = [ASK, Prompt(turns), Prompt.of("another")]
    said = await asyncio.gather(*(events(far, prompt) for prompt in prompts))
    await far.close()
    assert all(isinstance(one[-1], Done) for one in said), [one[-1] for one in said]
