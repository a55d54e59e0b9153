"""Brings a dead token source back, retries its requests once, and gives up on one that keeps dying.

Knows nothing of how a source works; a source that is well never notices its supervisor.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from serving.engine import EngineError, FailureKind
from serving.tokens import SourceDiedError, TokenRequest, TokenSource, kind_of

log = logging.getLogger(__name__)

STRIKES = 2  # deaths without a whole response between them before a model rests
SIT_OUT_S = 30.0  # seconds that it rests


class Supervisor:
    """A token source that outlives the sources it builds."""

    def __init__(
        self,
        name: str,
        build: Callable[[], TokenSource],
        *,
        rest_s: float = SIT_OUT_S,
        source: TokenSource | None = None,
    ) -> None:
        self._name = name
        self._build = build
        self._source = source
        self._rest_s = rest_s
        self._strikes = 0
        self._rests_until = 0.0
        self._rests_for = FailureKind.ENGINE_DEAD
        self._closed = False
        self._change = asyncio.Lock()
        self._alone = asyncio.Lock()
        self._building: asyncio.Task[TokenSource] | None = None
        self._ending = threading.Lock()

    def health(self) -> str | None:
        """Return None, or why no request is taken now."""
        if self._closed:
            return f"{self._name}: the engine is closed"
        if (left := self._rests_until - _now()) > 0:
            return f"{self._name}: died {self._strikes} times in a row, rests for {left:.0f} s"
        return None

    async def tokens(self, request: TokenRequest) -> AsyncGenerator[list[int]]:
        """Yield new ids; a death is survived once, going on after the tokens already made.

        Raises
        ------
        EngineError
            If the source died twice under the request, or cannot be built again.
        """
        made: list[int] = []
        source = await self._living()
        try:
            async for ids in _read(source, request, made):
                yield ids
        except SourceDiedError as death:
            if self._spoilt(death):
                raise EngineError(death.kind, f"{self._name}: {death}") from death
            await self._bury(source, death)
        else:
            self._strikes = 0
            return
        if len(made) >= request.limit:
            return
        # Of several requests that died together one may be the cause: each is tried by itself.
        async with self._alone:
            async for ids in self._retry(request.continued(made)):
                yield ids

    async def _retry(self, request: TokenRequest) -> AsyncGenerator[list[int]]:
        source = await self._living()
        try:
            async for ids in _read(source, request, []):
                yield ids
        except SourceDiedError as death:
            if not self._spoilt(death):
                await self._bury(source, death)
            raise EngineError(death.kind, f"{self._name}: {death}") from death
        self._strikes = 0

    async def _living(self) -> TokenSource:
        async with self._change:
            if (reason := self.health()) is not None:
                kind = FailureKind.CANCELLED if self._closed else self._rests_for
                raise EngineError(kind, reason)
            if self._source is not None:
                return self._source
            if self._building is None:
                self._building = asyncio.create_task(self._rebuild())
                self._building.add_done_callback(_look)
            return await asyncio.shield(self._building)  # who waits may leave, and others come

    async def _rebuild(self) -> TokenSource:
        try:
            source = self._source = await asyncio.to_thread(self._build)
        except Exception as error:
            self._check_open()
            self._strike()
            kind = error.kind if isinstance(error, SourceDiedError) else kind_of(error)
            raise EngineError(kind, f"{self._name}: cannot be started again: {error}") from error
        finally:
            self._building = None
        if self._closed:  # while it was built
            await asyncio.to_thread(self._end)
        self._check_open()
        return source

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(FailureKind.CANCELLED, f"{self._name}: the engine was closed")

    async def _bury(self, source: TokenSource, death: SourceDiedError) -> None:
        """Take a dead source out of service; the first of its requests does it for all."""
        self._check_open()
        async with self._change:
            if self._source is not source:
                return
            log.error("%s died (%s): %s", self._name, death.kind, death)
            self._source = None
            self._strike()
            await asyncio.to_thread(source.stop)

    def _spoilt(self, death: SourceDiedError) -> bool:
        """Tell whether no source can live in this process any more; if so, rest at once."""
        if self._closed or death.kind is not FailureKind.PROCESS_DEAD:
            return False
        self._strikes = max(self._strikes, STRIKES - 1)
        self._strike(death.kind)
        return True

    def _strike(self, kind: FailureKind = FailureKind.ENGINE_DEAD) -> None:
        self._strikes += 1
        if self._strikes >= STRIKES:
            self._rests_until, self._rests_for = _now() + self._rest_s, kind

    def stop(self) -> None:
        """End the source for good; blocks."""
        self._closed = True
        self._build = _never  # what it would build from is freed with it
        self._end()

    def _end(self) -> None:
        with self._ending:  # asked for twice where it was being built meanwhile
            source, self._source = self._source, None
            if source is not None:
                source.stop()


def _look(task: asyncio.Task[TokenSource]) -> None:
    """Take note of how a task ended that nobody may wait for any more."""
    if not task.cancelled():
        task.exception()


def _never() -> TokenSource:
    raise RuntimeError("a closed engine builds nothing")


async def _read(
    source: TokenSource, request: TokenRequest, made: list[int]
) -> AsyncGenerator[list[int]]:
    async with aclosing(source.tokens(request)) as stream:
        async for ids in stream:
            made.extend(ids)
            yield ids


def _now() -> float:
    return asyncio.get_running_loop().time()
