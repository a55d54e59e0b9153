"""A process of engines that break, and what a reader gets of them."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from serving.away import AwayEngine
from serving.engine import Delta, Event, Failed, Prompt
from serving.process import EngineProcess
from serving.spec import ModelSpec

Start = Callable[..., EngineProcess]


def load(process: EngineProcess, name: str = "m", *told: str) -> AwayEngine:
    return AwayEngine(ModelSpec(name=name, kind="scripted", responses=told), process, lambda: None)


async def events(engine: AwayEngine, asked: str = "well") -> list[Event]:
    stream = engine.stream(Prompt.of(asked))
    return await asyncio.wait_for(_all(stream), 20)


async def _all(stream: object) -> list[Event]:
    return [event async for event in stream]  # type: ignore[attr-defined]


def failure(said: list[Event]) -> Failed:
    assert [type(event) for event in said[:-1]] == [Delta] * (len(said) - 1)
    assert isinstance(said[-1], Failed)
    return said[-1]


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


def is_there(pid: int) -> bool:
    """Tell whether a process runs or is a zombie."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def until(true: Callable[[], bool]) -> None:
    """Wait for what threads are about to do."""
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")
