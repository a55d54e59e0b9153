"""Models load one at a time, servers are asked at any time."""

import asyncio
import threading

import pytest

from serving.engine import EngineError, FailureKind
from serving.resident import Loader
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec

NEAR = ModelSpec(name="near", kind="scripted")
FAR = ModelSpec(name="far", url="http://127.0.0.1:9/v1", remote_name="x")


class Held:
    """Builds engines, some of them only when they are let through."""

    def __init__(self, *held: str) -> None:
        self.through = {name: threading.Event() for name in held}
        self.begun: list[str] = []

    def __call__(self, spec: ModelSpec) -> ScriptedEngine:
        self.begun.append(spec.name)
        if spec.name in self.through:
            assert self.through[spec.name].wait(60)
        return ScriptedEngine(spec)


@pytest.mark.parametrize(
    ("held", "other"),
    [
        pytest.param(NEAR, FAR, id="a server, while a model loads"),
        pytest.param(FAR, NEAR, id="a model, while a server is asked"),
    ],
)
async def test_asking_a_server_and_loading_a_model_wait_for_each_other_never(
    held: ModelSpec, other: ModelSpec
) -> None:
    build = Held(held.name)
    loader = Loader(build)
    waiting = asyncio.create_task(loader.load(held))
    await asyncio.sleep(0)
    await asyncio.wait_for(loader.load(other), 30)
    assert not waiting.done()
    build.through[held.name].set()
    await waiting


async def test_models_load_one_at_a_time() -> None:
    build = Held("near")
    loader = Loader(build)
    first = asyncio.create_task(loader.load(NEAR))
    await asyncio.sleep(0)
    second = asyncio.create_task(loader.load(ModelSpec(name="next", kind="scripted")))
    await asyncio.sleep(0.05)
    assert build.begun == ["near"]
    build.through["near"].set()
    await asyncio.gather(first, second)
    assert build.begun == ["near", "next"]


async def test_closing_ends_every_load_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.resident.LEAVE_S", 0.01)
    build = Held("near", "far")
    loader = Loader(build)
    loads = asyncio.gather(loader.load(NEAR), loader.load(FAR), return_exceptions=True)
    await asyncio.sleep(0)
    await loader.close()
    for refusal in await asyncio.wait_for(loads, 5):
        assert isinstance(refusal, EngineError)
        assert refusal.kind is FailureKind.CANCELLED
    for through in build.through.values():
        through.set()


async def test_closing_hardly_waits_for_a_load_that_nothing_can_stop() -> None:
    """As whoever presses Ctrl+C does then."""
    build = Held("near")
    loader = Loader(build)
    load = asyncio.gather(loader.load(NEAR), return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.wait_for(loader.close(), 30)
    build.through["near"].set()
    await load
