"""A model behind a server of our own, and what a reader gets of it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from serving.engine import (
    Delta,
    Event,
    Prompt,
)
from serving.remote import TRIAL, RemoteEngine
from serving.spec import ModelSpec
from tests.serving.bad_server import (
    DONE,
    Behaviour,
    Server,
    event,
    says,
    serving,
)

ASK = Prompt.of("hello", seed=3)


GOOD = says(event("The sky "), event("is blue."), event(finish="stop"), DONE)


def spec_of(url: str, **fields: Any) -> ModelSpec:  # noqa: ANN401 -- pydantic checks
    return ModelSpec(
        **{"name": "far", "url": url, "remote_name": "served", "kind": "remote"} | fields
    )


def engine_of(url: str, **fields: Any) -> RemoteEngine:  # noqa: ANN401
    return RemoteEngine(spec_of(url, **fields))


@asynccontextmanager
async def far(behave: Behaviour, **fields: Any) -> AsyncIterator[tuple[RemoteEngine, Server]]:  # noqa: ANN401
    async with serving(behave) as server:
        engine = engine_of(server.url, **fields)
        try:
            yield engine, server
        finally:
            await engine.close()


async def events(engine: RemoteEngine, prompt: Prompt = ASK) -> list[Event]:
    return [event async for event in engine.stream(prompt)]


def is_trial(ask: dict[str, Any]) -> bool:
    """Tell whether a server was only tried out, for nobody to read."""
    content: str = ask["messages"][-1]["content"]
    return content == TRIAL[-1].content


def text(said: list[Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, Delta))


def unknown_name(*_: object, **__: object) -> None:
    """Stand in for `socket.getaddrinfo` where nobody has heard of a name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
