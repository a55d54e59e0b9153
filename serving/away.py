"""An engine whose model runs in another process: the same protocol, over a pipe.

Knows its process and its number there, and nothing of how a model is run.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial

from serving.engine import DEATHS, Delta, EngineError, Event, FailureKind, Prompt
from serving.letters import Ask, Close, Load
from serving.process import EngineProcess
from serving.spec import ModelSpec
from serving.watch import Watch


class AwayEngine:
    """Loaded when made, which blocks.

    Raises
    ------
    EngineError
        If the model cannot be loaded, or the process dies of it.
    """

    def __init__(self, spec: ModelSpec, process: EngineProcess, leave: Callable[[], None]) -> None:
        self._name = spec.name
        self._process = process
        self._leave = leave
        self._closed = False
        self._number = 0

        def load(number: int) -> Load:
            self._number = number
            return Load(number, spec)

        try:
            self.footprint = process.order(load).result()
        except EngineError as error:
            if error.kind in DEATHS:
                raise EngineError(error.kind, f"{spec.name}: not loaded: {error}") from error
            raise

    @property
    def lost(self) -> bool:
        """Whether its process has ended, and all its memory is free."""
        return self._process.gone

    def health(self) -> str | None:
        """Return None while the engine can serve, else why it cannot."""
        if self._closed:
            return f"{self._name}: the engine is closed"
        return self._process.illness(self._number)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        """Respond to a prompt; leaving early ends the stream over there."""
        if self._closed:
            cause = f"{self._name}: the engine was closed"
            yield Watch().failed(FailureKind.CANCELLED, cause)
            return
        ask = partial(Ask, engine=self._number, prompt=prompt)
        with self._process.stream(ask) as inbox:
            end = None
            while end is None:
                text, end = await inbox.next()
                if text:
                    yield Delta(text)
            yield end

    async def close(self) -> None:
        """Free everything over there; what a dead process held is free already."""
        if self._closed:
            return
        self._closed = True
        close = partial(Close, engine=self._number)
        try:
            await asyncio.wrap_future(self._process.order(close))
        except EngineError:
            pass  # the process is gone, and all its memory with it
        finally:
            await asyncio.to_thread(self._leave)
