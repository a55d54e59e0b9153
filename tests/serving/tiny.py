"""A real tiny model behind the engine, on either way of generating."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from serving.engine import Delta, Event, Failed, Prompt
from serving.local import LocalEngine, build
from serving.plain import Plain
from serving.spec import ModelSpec
from serving.supervisor import Supervisor

ASK = Prompt.of("hello", seed=5)


GREEDY = {"temperature": 0.0}


ENDLESS: dict[str, Any] = {"output_tokens": 16_000, "context_tokens": 2**14, "sampling": GREEDY}
"""What lets a checkpoint of such a context respond until it is stopped."""


SOURCES = [pytest.param(False, id="batched"), pytest.param(True, id="plain")]


def spec_of(folder: Path, **fields: Any) -> ModelSpec:  # noqa: ANN401 -- pydantic checks
    defaults = {"name": "m", "output_tokens": 12, "context_tokens": 256, "batch": 4}
    return ModelSpec(**{**defaults, "checkpoint": str(folder), **fields})


@asynccontextmanager
async def running(
    folder: Path,
    *,
    plain: bool = False,
    **fields: Any,  # noqa: ANN401 -- pydantic checks
) -> AsyncIterator[LocalEngine]:
    """Yield an engine, on plain generation if asked, and close it."""
    engine = build(spec_of(folder, **fields), rest_s=30.0)
    if plain:
        supervisor = supervisor_of(engine)
        supervisor._source.stop()  # type: ignore[union-attr]  # noqa: SLF001
        model, bank = model_of(engine), engine._weights._bank  # noqa: SLF001
        supervisor._build = lambda: Plain(model, engine._eos, bank)  # noqa: SLF001
        supervisor._source = None  # noqa: SLF001
    try:
        yield engine
    finally:
        await engine.close()


def model_of(engine: LocalEngine) -> Any:  # noqa: ANN401 -- transformers' class
    return engine._weights.loaded.model  # noqa: SLF001


def supervisor_of(engine: LocalEngine) -> Supervisor:
    return engine._weights.supervisor  # noqa: SLF001


def source_of(engine: LocalEngine) -> Any:  # noqa: ANN401 -- either source
    return supervisor_of(engine)._source  # noqa: SLF001


async def events(engine: LocalEngine, prompt: Prompt = ASK) -> list[Event]:
    return [event async for event in engine.stream(prompt)]


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


def failure(said: list[Event]) -> Failed:
    assert isinstance(said[-1], Failed), said[-1]
    return said[-1]
