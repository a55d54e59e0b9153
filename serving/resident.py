"""A model that holds memory, and who brings it there: one at a time, off the event loop.

Knows how an engine is made and how it is; who is loaded and when is decided by `serving.pool`.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from serving.aside import aside
from serving.build import Builder
from serving.engine import DEATHS, Engine, EngineError, FailureKind
from serving.spec import ModelSpec

LEAVE_S: Final = 3.0  # seconds that closing waits for a load that nothing can stop

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
        self._one = asyncio.Lock()  # at a time: the library's loader keeps process-wide state
        self._made: Future[Engine] = Future()
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
            engine = await self._make(spec)
        taken, size = loop.time() - start, engine.footprint
        log.info("%s: loaded on %s in %.1f s, %d bytes", spec.name, spec.device, taken, size)
        return engine

    async def _make(self, spec: ModelSpec) -> Engine:
        async with self._one:
            if self._closed:
                raise _stopped(spec.name)
            self._made = aside(partial(self._build, spec), "load")
            try:
                return await asyncio.wrap_future(self._made)
            except Exception as error:
                refused = error if isinstance(error, EngineError) else _unknown(spec.name, error)
                _tell(spec.name, refused)
                raise refused from error

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
        if self._one.locked():
            loading = asyncio.wrap_future(self._made)
            loading.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({loading}, timeout=LEAVE_S)
            with suppress(InvalidStateError):
                self._made.set_exception(_stopped("a model"))


def _tell(name: str, refused: EngineError) -> None:
    cause = refused.cause.removeprefix(f"{name}: ").removeprefix("not loaded: ")
    level = logging.INFO if refused.kind is FailureKind.CANCELLED else logging.ERROR
    log.log(level, "%s: not loaded (%s): %s", name, refused.kind, cause)


def _stopped(name: str) -> EngineError:
    return EngineError(FailureKind.CANCELLED, f"{name}: not loaded: the pool is closed")


def _unknown(name: str, error: Exception) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"{name}: cannot be loaded: {error}")
