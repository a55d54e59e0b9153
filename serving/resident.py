"""A model that holds memory, and who brings it there: one at a time, off the event loop.

Knows how an engine is made and how it is; who is loaded and when is decided by `serving.pool`.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from serving.build import Builder
from serving.engine import Engine, EngineError, FailureKind
from serving.spec import ModelSpec

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
    """Builds engines in a thread of its own."""

    def __init__(self, build: Callable[[ModelSpec], Engine]) -> None:
        self._build = build
        # One at a time: the library's loader keeps process-wide state.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")

    async def load(self, spec: ModelSpec) -> Engine:
        """Return an engine.

        Raises
        ------
        EngineError
            If it cannot be built, whatever was raised.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            engine = await loop.run_in_executor(self._thread, self._build, spec)
        except Exception as error:
            refused = error if isinstance(error, EngineError) else _unknown(spec.name, error)
            log.error("%s: not loaded (%s): %s", spec.name, refused.kind, refused.cause)  # noqa: TRY400 -- raised again
            raise refused from error
        taken, size = loop.time() - start, engine.footprint
        log.info("%s: loaded on %s in %.1f s, %d bytes", spec.name, spec.device, taken, size)
        return engine

    async def close(self) -> None:
        """Load no more, and end the processes that may be kept for the next model."""
        self._thread.shutdown(wait=False)
        if isinstance(self._build, Builder):
            await asyncio.to_thread(self._build.close)


def _unknown(name: str, error: Exception) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"{name}: cannot be loaded: {error}")
