"""A model that holds memory, and who brings it there: one at a time in each process.

Off the event loop. A model behind a server holds none here and waits for nobody. Knows how an
engine is made and how it is; who is loaded and when is decided by `serving.pool`.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from serving.aside import aside
from serving.build import Builder
from serving.engine import DEATHS, Engine, EngineError, FailureKind
from serving.spec import ModelSpec

LEAVE_S: Final = 0.5  # seconds that closing waits for a load that nothing can stop

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Resident:
    """A model that holds memory, loaded or on its way."""

    place: str
    loading: "asyncio.Task[Engine]"
    users: int = 0
    excused: bool = False  # who held it says that its illness is no reason to rest

    @property
    def loaded(self) -> bool:
        """Whether its engine is there."""
        task = self.loading
        return task.done() and not task.cancelled() and task.exception() is None

    @property
    def idle(self) -> bool:
        """Whether it may leave: nobody uses it, and it is not on its way."""
        return self.users == 0 and self.loading.done()

    @property
    def lost(self) -> bool:
        """Whether nobody can use it any more, and its memory is free: it may be loaded anew."""
        return self.loading.done() and (not self.loaded or self.loading.result().lost)

    @property
    def illness(self) -> str | None:
        """None while its engine can serve, or is not there yet; else why it cannot."""
        return self.loading.result().health() if self.loaded else None


class Loader:
    """Builds engines, each in a thread that the end of the program does not wait for."""

    def __init__(self, build: Callable[[ModelSpec], Engine]) -> None:
        self._build = build
        # One at a time in each process: the library's loader keeps process-wide state. Not in all
        # of them: one that is stuck must not hold up the others.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._making: set[Future[Engine]] = set()
        self._closed = False

    async def load(self, spec: ModelSpec) -> Engine:
        """Return an engine.

        A process that dies meanwhile may have died of what others asked it: then it is tried again.

        Raises
        ------
        EngineError
            If it cannot be built, whatever was raised.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            engine = await self._make(spec)
        except EngineError as died:
            if died.kind not in DEATHS:
                raise
            log.warning("%s; tried once more", died.cause)
            engine = await self._make(spec)
        taken, size = loop.time() - start, engine.footprint
        log.info("%s: loaded on %s in %.1f s, %d bytes", spec.name, spec.device, taken, size)
        return engine

    async def _make(self, spec: ModelSpec) -> Engine:
        async with nullcontext() if spec.kind == "remote" else self._turns[self._process(spec)]:
            if self._closed:
                raise _stopped(spec.name)
            made = aside(partial(self._build, spec), "load")
            self._making.add(made)
            try:
                return await asyncio.wrap_future(made)
            except EngineError:
                raise
            except Exception as error:
                raise _unknown(spec.name, error) from error
            finally:
                self._making.discard(made)

    def _process(self, spec: ModelSpec) -> str:
        return self._build.process(spec) if isinstance(self._build, Builder) else ""

    async def close(self) -> None:
        """Load no more, and end the processes of engines, also one in which a model loads.

        Cancelled meanwhile it kills them: somebody asked twice.
        """
        self._closed = True
        if isinstance(self._build, Builder):
            try:
                await asyncio.to_thread(self._build.close)
            except asyncio.CancelledError:
                self._build.kill()
                raise
        loading = [asyncio.wrap_future(made) for made in self._making]
        for one in loading:
            one.add_done_callback(lambda done: done.cancelled() or done.exception())
        if loading:
            await asyncio.wait(loading, timeout=LEAVE_S)
        for made in self._making:
            with suppress(InvalidStateError):
                made.set_exception(_stopped("a model"))


def _stopped(name: str) -> EngineError:
    return EngineError(FailureKind.CANCELLED, f"{name}: not loaded: the pool is closed")


def _unknown(name: str, error: Exception) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"{name}: cannot be loaded: {error}")
