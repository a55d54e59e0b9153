"""A model of this process: conversations in, clean text out.

Puts the pieces together: encoder, supervised token source, decoder, trimmer, deadline. Knows no
other model and no memory budget.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from serving.engine import Delta, EngineError, Event, FailureKind, Prompt
from serving.prompt import Encoder
from serving.spec import ModelSpec
from serving.supervisor import SIT_OUT_S
from serving.text import Decoder, Trimmer
from serving.tokens import TokenRequest
from serving.watch import Watch
from serving.weights import Weights


class LocalEngine:
    """One model on weights that others may share."""

    lost = False  # it lives in this process, and is brought back there

    def __init__(
        self, spec: ModelSpec, weights: Weights, leave: Callable[[], bool] | None = None
    ) -> None:
        self._spec = spec
        self._weights = weights
        self._leave = leave or (lambda: weights.leave(spec.name))
        self._closed = False
        loaded = weights.loaded
        self._backend = loaded.tokenizer.backend_tokenizer
        self._encoder = Encoder(
            spec,
            loaded.tokenizer,
            context_tokens=loaded.context_tokens,
            cache_tokens=weights.shape.tokens,
            known_ids=loaded.known_ids,
        )
        # What is special is never text, so a stop string that is has to be known by its id.
        stops = sorted({*spec.stop}.intersection(self._encoder.special))
        self._eos = loaded.eos.union(loaded.tokenizer.convert_tokens_to_ids(stops))
        ends = loaded.tokenizer.convert_ids_to_tokens(sorted(loaded.eos))
        # Some configurations name an end that their tokenizer does not have.
        self._ends = (*spec.stop, *(end for end in ends if end is not None))
        self.footprint = weights.footprint + weights.join(spec)

    def health(self) -> str | None:
        """Return None while the engine can serve, else why it cannot."""
        if self._closed:
            return f"{self._spec.name}: the engine is closed"
        return self._weights.supervisor.health()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        """Respond to a prompt; leaving early frees its place in the batch."""
        watch = Watch(prompt.deadline_s)
        response = Response(self._backend, self._ends, self._encoder.special, self._eos)
        try:
            async with aclosing(self._ids(prompt)) as stream:
                while (ids := await watch.next(stream)) is not None:
                    watch.mark()
                    if text := response.add(ids):
                        yield Delta(text)
                    if response.ended:
                        break
            if text := response.finish():
                yield Delta(text)
        except TimeoutError:
            cause = f"{self._spec.name}: no end after {prompt.deadline_s} s"
            yield watch.failed(FailureKind.DEADLINE, cause, response.tokens)
        except EngineError as error:
            yield watch.failed(error.kind, error.cause, response.tokens)
        else:
            yield watch.done(response.finish_reason, response.tokens)

    async def _ids(self, prompt: Prompt) -> AsyncGenerator[list[int]]:
        encoded = self._encoder.encode(prompt)
        request = TokenRequest(
            tuple(encoded.ids),
            encoded.limit,
            self._spec.sampling,
            seed=prompt.seed,
            adapter=None if self._spec.adapter is None else self._spec.name,
        )
        async with aclosing(self._weights.supervisor.tokens(request)) as stream:
            self._check_open()
            async for ids in stream:
                self._check_open()  # shared weights go on running for others
                yield ids

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(FailureKind.CANCELLED, f"{self._spec.name}: the engine was closed")

    async def close(self) -> None:
        """Leave the weights; the last to leave lets them go."""
        if self._closed:
            return
        self._closed = True
        if await asyncio.to_thread(self._leave):
            await asyncio.to_thread(self._weights.stop)


class Response:
    """One response as it grows: ids in, certain text out."""

    def __init__(
        self,
        backend: object,
        ends: tuple[str, ...],
        special: tuple[str, ...],
        eos: frozenset[int],
    ) -> None:
        self._decoder = Decoder(backend)
        self._trimmer = Trimmer(ends, special)
        self._eos = eos
        self._eos_seen = False
        self.tokens = 0

    @property
    def ended(self) -> bool:
        """Whether the model said that it is done."""
        return self._eos_seen or self._trimmer.stopped

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """Why the response ended: an end-of-turn token in the last place is no cut."""
        return "stop" if self.ended else "length"

    def add(self, ids: list[int]) -> str:
        """Return the text that new ids make certain."""
        said = []
        for token in ids:
            if token in self._eos:
                self._eos_seen = True
                break
            said.append(token)
        self.tokens += len(said)
        return self._trimmer.add(self._decoder.add(said))

    def finish(self) -> str:
        """Return the last text."""
        return self._trimmer.finish()


def build(spec: ModelSpec, *, rest_s: float = SIT_OUT_S) -> LocalEngine:
    """Load a model on weights of its own; blocks for as long as loading takes.

    Raises
    ------
    EngineError
        If the model cannot be loaded or started.
    """
    weights = Weights(spec, rest_s=rest_s)
    try:
        return LocalEngine(spec, weights)
    except BaseException:
        weights.stop()
        raise
