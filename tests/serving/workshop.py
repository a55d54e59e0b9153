"""Engines that claim memory and fall ill, and who builds them and keeps the books."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

from serving.pool import Pool
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec


class Sized(ScriptedEngine):
    """A scripted engine that claims memory and can fall ill."""

    def __init__(self, spec: ModelSpec, footprint: int) -> None:
        super().__init__(spec)
        self.footprint = footprint
        self.illness: str | None = None
        self.lost = False

    def die(self) -> None:
        """End like an engine whose process was killed."""
        self.illness, self.lost = "its process was killed", True

    def health(self) -> str | None:
        return self.illness or super().health()


@dataclass
class Workshop:
    """Builds engines of size 1 and keeps the books."""

    built: list[str] = field(default_factory=list)
    engines: dict[str, Sized] = field(default_factory=dict)
    broken: dict[str, Exception] = field(default_factory=dict)
    held: dict[str, threading.Event] = field(default_factory=dict)

    def build(self, spec: ModelSpec) -> Sized:
        if spec.name in self.held:
            assert self.held[spec.name].wait(60)
        self.built.append(spec.name)
        if spec.name in self.broken:
            raise self.broken[spec.name]
        self.engines[spec.name] = Sized(spec, 1)
        return self.engines[spec.name]

    def pool(
        self,
        budget: int,
        names: str = "abcd",
        rest_s: float = 15.0,
        patience_s: float = 5.0,
        kind: Literal["scripted", "remote"] = "scripted",
    ) -> Pool:
        far: dict[str, Any] = (
            {"url": "http://127.0.0.1:9/v1", "remote_name": "x"} if kind == "remote" else {}
        )
        specs = [ModelSpec(name=name, kind=kind, responses=(name,), **far) for name in names]
        return Pool(
            specs,
            budget,
            build=self.build,
            measure=lambda spec: {spec.name: 1},
            rest_s=rest_s,
            patience_s=patience_s,
        )


async def use(pool: Pool, *names: str) -> None:
    async with pool.engines(*names):
        pass


async def until(true: object) -> None:
    """Wait for what other tasks and threads are about to do."""
    for _ in range(6_000):
        if callable(true) and true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")
