"""An engine without a model: says what it was told, as fast or as badly as it was told.

For tests and for rehearsing an arena before any model is there. The same prompt and seed get the
same response. Delays follow the event loop's clock.
"""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, Self

from serving.engine import Delta, Done, EngineError, Event, Failed, FailureKind, Prompt
from serving.spec import Behaviour, ModelSpec
from serving.text import is_ascii
from serving.watch import Watch


class ScriptedEngine:
    """One scripted model."""

    footprint = 0
    lost = False

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._closed = asyncio.Event()

    @classmethod
    def saying(cls, *responses: str, **behaviour: Any) -> Self:  # noqa: ANN401 -- pydantic checks
        """Return an engine that says one of ``responses``, with fields of `Behaviour`."""
        return cls(
            ModelSpec(
                name="scripted",
                kind="scripted",
                responses=responses,
                behaviour=Behaviour(**behaviour),
            )
        )

    def health(self) -> str | None:
        """Return None until the engine is closed."""
        return f"{self._spec.name}: the engine is closed" if self._closed.is_set() else None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        """Respond to a prompt."""
        watch = Watch(prompt.deadline_s)
        limit = min(prompt.max_tokens or self._spec.output_tokens, self._spec.output_tokens)
        said = 0
        end: Done | Failed
        try:
            async with aclosing(self._chunks(prompt)) as chunks:
                while said < limit and (chunk := await watch.next(chunks)) is not None:
                    said += 1
                    watch.mark()
                    yield Delta(chunk)
                cut = said == limit and await watch.next(chunks) is not None
            end = watch.done("length" if cut else "stop", said)
        except TimeoutError:
            cause = f"{self._spec.name}: no end after {prompt.deadline_s} s"
            end = watch.failed(FailureKind.DEADLINE, cause, said)
        except EngineError as error:
            end = watch.failed(error.kind, error.cause, said)
        yield end

    async def _chunks(self, prompt: Prompt) -> AsyncGenerator[str]:
        behaviour = self._spec.behaviour
        chunks = self._script(prompt)
        for place in itertools.count():
            if place == behaviour.fail_at:
                raise EngineError(
                    behaviour.fail_kind, f"{self._spec.name}: told to fail at chunk {place}"
                )
            await self._wait(None if place == behaviour.hang_at else self._delay(place))
            chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def _delay(self, place: int) -> float:
        behaviour = self._spec.behaviour
        return behaviour.first_chunk_s if place == 0 else behaviour.chunk_s

    async def _wait(self, seconds: float | None) -> None:
        """Wait so long (None: for ever), or less if the engine is closed."""
        if not self._closed.is_set():
            try:
                await asyncio.wait_for(self._closed.wait(), seconds)
            except TimeoutError:
                return
        raise EngineError(FailureKind.CANCELLED, f"{self._spec.name}: the engine was closed")

    def _script(self, prompt: Prompt) -> Iterator[str]:
        behaviour, text = self._spec.behaviour, self._choose(prompt)
        size = behaviour.chunk_characters
        if isinstance(size, tuple):
            size = size[0 if is_ascii(text) else 1]
        chunks = [text[i : i + size] for i in range(0, len(text), size)]
        return itertools.cycle(chunks) if behaviour.endless else iter(chunks)

    def _choose(self, prompt: Prompt) -> str:
        said = prompt.messages[-1].content if prompt.messages else ""
        alike = [one for one in self._spec.responses if is_ascii(one) == is_ascii(said)]
        responses = alike or self._spec.responses
        if not responses:
            return ""
        number = int.from_bytes(hashlib.sha256(f"{prompt.seed}\n{said}".encode()).digest()[:8])
        return responses[number % len(responses)]

    async def close(self) -> None:
        """End open streams as cancelled."""
        self._closed.set()
