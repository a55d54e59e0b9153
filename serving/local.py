"""A model of this process: conversations in, clean text out.

Puts the pieces together: encoder, supervised token source, decoder, trimmer, deadline. Knows no
other model and no memory budget.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

import torch

from serving.batching import Batcher
from serving.cache import CacheShape
from serving.engine import Delta, EngineError, Event, FailureKind, Prompt
from serving.loading import Loaded, load
from serving.plain import Plain
from serving.prompt import Encoder
from serving.spec import ModelSpec
from serving.supervisor import REST_S, Supervisor
from serving.text import Decoder, Trimmer
from serving.tokens import SourceDiedError, TokenRequest, TokenSource
from serving.watch import Watch

if TYPE_CHECKING:
    from serving.prompt import Encoded

log = logging.getLogger(__name__)


class LocalEngine:
    """One loaded model; `build` makes it."""

    def __init__(
        self, spec: ModelSpec, loaded: Loaded, shape: CacheShape, supervisor: Supervisor
    ) -> None:
        self._spec = spec
        self._loaded: Loaded | None = loaded
        self._supervisor = supervisor
        self._eos = loaded.eos
        self._backend = loaded.tokenizer.backend_tokenizer
        self._encoder = Encoder(
            spec,
            loaded.tokenizer,
            context_tokens=loaded.context_tokens,
            cache_tokens=shape.tokens,
        )
        ends = loaded.tokenizer.convert_ids_to_tokens(sorted(loaded.eos))
        self._ends = (*spec.stop, *ends)
        self.footprint = _footprint(loaded, shape)

    def health(self) -> str | None:
        """Return None while the engine can serve, else why it cannot."""
        return self._supervisor.health()

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
        encoded: Encoded = self._encoder.encode(prompt)
        request = TokenRequest(
            tuple(encoded.ids), encoded.limit, self._spec.sampling, seed=prompt.seed
        )
        async with aclosing(self._supervisor.tokens(request)) as stream:
            async for ids in stream:
                yield ids

    async def close(self) -> None:
        """End the threads and let go of the weights."""
        await self._supervisor.close()
        self._loaded = None
        await asyncio.to_thread(_free_memory)


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


def build(spec: ModelSpec, *, cpu_threads: int = 1, rest_s: float = REST_S) -> LocalEngine:
    """Load a model and start it; blocks for as long as loading takes.

    Raises
    ------
    EngineError
        If the model cannot be loaded or started.
    """
    loaded = load(spec, cpu_threads=cpu_threads)
    cuda = loaded.model.device.type == "cuda"
    shape = CacheShape.of(loaded.context_tokens, spec.batch, cuda=cuda)
    first = _source(spec, loaded, shape)

    batched = isinstance(first, Batcher)

    def again() -> TokenSource:
        _free_memory()
        # What was served batched is not made slower for good by one bad moment.
        return _batcher(loaded, shape) if batched else Plain(loaded.model, loaded.eos)

    supervisor = Supervisor(spec.name, again, rest_s=rest_s, source=first)
    return LocalEngine(spec, loaded, shape, supervisor)


def _source(spec: ModelSpec, loaded: Loaded, shape: CacheShape) -> TokenSource:
    """Return a running source: batched where the library can, plain where it refuses."""
    try:
        return _batcher(loaded, shape)
    except (ValueError, AttributeError, NotImplementedError) as refusal:
        log.warning("%s: no continuous batching, plain generation instead: %s", spec.name, refusal)
    except SourceDiedError as death:
        if death.kind is not FailureKind.ENGINE_DEAD:
            raise EngineError(death.kind, f"{spec.name}: {death}") from death
        log.warning("%s: continuous batching died, plain generation instead: %s", spec.name, death)
    return Plain(loaded.model, loaded.eos)


def _batcher(loaded: Loaded, shape: CacheShape) -> Batcher:
    """Return a batcher that has run its first request."""
    batcher = Batcher(loaded.model, shape, loaded.eos)
    try:
        batcher.start()
    except SourceDiedError:
        batcher.stop()
        raise
    return batcher


def _footprint(loaded: Loaded, shape: CacheShape) -> int:
    config, width = loaded.model.config.to_dict(), loaded.model.dtype.itemsize
    return int(loaded.model.get_memory_footprint()) + shape.bytes(config, width)


def _free_memory() -> None:
    if torch.cuda.is_available():  # elsewhere a full collection only holds up the event loop
        gc.collect()
        torch.cuda.empty_cache()
