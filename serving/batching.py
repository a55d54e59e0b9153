"""Continuous batching: one thread of the library continues all requests of a model together.

Turns the library's silences into events: a request that a dying manager drops, a manager that is
gone, a cancelled request. Knows neither text nor retries.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import LogitsProcessorList
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessorList,
)

from serving.cache import CacheShape
from serving.engine import EngineError, FailureKind
from serving.gate import Gate
from serving.lora import AdapterBank
from serving.paging import check_attention, greedy, page, settings, use_flash
from serving.sampling import BatchSampler, Draw
from serving.tokens import NO_END, TRIAL, SourceDiedError, TokenRequest

LOOK_S = 0.5  # seconds between two looks at whether the thread still lives
START_S = 120.0  # seconds that the first forward pass may take


class Batcher:
    """A token source on the library's continuous batching.

    Raises
    ------
    ValueError
        If the model's attention cannot be paged.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 -- any architecture
        shape: CacheShape,
        eos: frozenset[int],
        bank: AdapterBank,
    ) -> None:
        self._shape = shape
        self._eos = sorted(eos) or [NO_END]
        self._gate = Gate(shape.blocks)
        self._names = itertools.count()
        check_attention(model)
        flash = use_flash(model)
        self._model = model
        self._unpaged = None if flash else page(model)
        asked = shape.asked(model.config.to_dict())
        try:
            self._manager = model.init_continuous_batching(
                generation_config=greedy(self._eos),
                continuous_batching_config=settings(shape, asked, flash=flash),
            )
        except BaseException:
            self._unpage()
            raise
        self._manager.logit_processor = _Processors(bank)
        self._waits = model.register_forward_pre_hook(_wait_for_inputs)

    @property
    def footprint(self) -> int:
        """Bytes of the cache and of what the library keeps beside it."""
        processor = self._manager.batch_processor
        kept = vars(processor.inputs_and_outputs).values()
        tensors = [tensor for value in kept for tensor in _tensors(value)]
        storages = [tensor.untyped_storage() for tensor in (*tensors, *_cached(processor.cache))]
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())

    def start(self) -> None:
        """Start the library's thread and run one short request through it; blocks.

        Raises
        ------
        SourceDiedError
            If the model cannot be run this way; the cause is chained.
        """
        # A thread inherits "daemon" from who starts it: an engine nobody closed may not keep
        # the process alive.
        starter = threading.Thread(target=self._manager.start, daemon=True)
        starter.start()
        starter.join()
        name = self._add(TRIAL, ends=[NO_END])
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            output = self._manager.get_result(name, timeout=0.05)
            if output is not None and output.error is not None:
                raise self._said_death(output.error)
            if output is not None and output.is_finished():
                return
            if not self._lives():
                raise self._said_death()
        raise SourceDiedError(TimeoutError(f"no first token in {START_S:.0f} s"))

    async def tokens(self, request: TokenRequest) -> AsyncGenerator[list[int]]:
        """Yield new ids as they come; leaving early frees the request's place."""
        async with self._gate.hold(self._shape.blocks_for(len(request.ids) + request.limit)):
            with self._inbox() as (name, inbox):
                self._add(request, name)
                seen = 0
                while True:
                    output = await self._next(inbox)
                    if fresh := output.generated_tokens[seen:]:
                        seen += len(fresh)
                        yield fresh
                    if output.error is not None:
                        raise await self._verdict(output.error)
                    if output.is_finished():
                        return

    @contextmanager
    def _inbox(self) -> Iterator[tuple[str, "asyncio.Queue[Any]"]]:
        name = f"request-{next(self._names)}"
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._manager.register_result_handler(name, inbox.put_nowait)
        try:
            yield name, inbox
        except BaseException:  # its reader left, or it failed
            self._manager.cancel_request(name)
            raise
        finally:
            self._forget(name)

    def _forget(self, name: str) -> None:
        """Remove a handler, which the library keeps after a cancellation, and stray results."""
        router = self._manager.output_router
        router.result_handlers.pop(name, None)
        while not router.output_queue.empty():
            router.output_queue.get_nowait()

    def _add(
        self, request: TokenRequest, name: str | None = None, ends: list[int] | None = None
    ) -> str:
        accepted = self._manager.add_request(
            list(request.ids),
            request_id=name,
            max_new_tokens=request.limit,
            streaming=True,
            eos_token_id=ends or self._eos,
            draw=Draw(request),
        )
        if accepted is None:  # the library drops requests of a dying manager with a log line
            raise self._death()
        return str(accepted)

    async def _next(self, inbox: "asyncio.Queue[Any]") -> Any:  # noqa: ANN401 -- the library's output
        """Return the newest output: outputs are cumulative, so older ones tell nothing more."""
        while True:
            try:
                output = await asyncio.wait_for(inbox.get(), LOOK_S)
            except TimeoutError:
                if inbox.empty() and not self._lives():
                    raise self._death() from None
            else:
                while not inbox.empty():
                    output = inbox.get_nowait()
                return output

    def _lives(self) -> bool:
        status = self._manager.background_thread_status
        return self._manager.is_running() and status.can_accept_new_requests() is None

    async def _verdict(self, error: str) -> Exception:
        """Return what a failed request means: its own fault, or the end of the source."""
        if self._lives():
            return EngineError(FailureKind.BACKEND, error)
        return await asyncio.to_thread(self._said_death, error)

    def _said_death(self, words: str | None = None) -> Exception:
        """Return the end of the source once its thread, if it ends, has said why; blocks."""
        thread = self._manager._generation_thread  # noqa: SLF001 -- there is no public way to wait
        if thread is not None and not self._lives():
            thread.join(5.0)
        return self._death(words)

    def _death(self, words: str | None = None) -> Exception:
        fatal = self._manager.background_thread_status.fatal_error
        died = SourceDiedError(fatal or (RuntimeError(words) if words else None))
        died.__cause__ = fatal
        return died

    def stop(self) -> None:
        """End the library's thread; requests still open find their source dead."""
        self._manager.stop(block=True, timeout=10.0, hard_stop=True)
        self._manager.destroy()
        self._waits.remove()
        self._unpage()

    def _unpage(self) -> None:
        if self._unpaged is not None:
            self._model.set_attn_implementation(self._unpaged)


def _wait_for_inputs(module: torch.nn.Module, _args: object) -> None:
    """Let the stream of a forward pass wait for the one that wrote its inputs.

    The library writes them on the card's default stream and computes on another, and lets neither
    wait. With a card full of another model's work the inputs could come late.
    """
    device: torch.device = module.device  # type: ignore[assignment]
    if device.type == "cuda":
        torch.cuda.current_stream(device).wait_stream(torch.cuda.default_stream(device))


def _cached(cache: Any) -> list[torch.Tensor]:  # noqa: ANN401 -- the library's cache
    """Return the tensors of keys and values: one of all layers, or two of each."""
    one = getattr(cache, "cache_tensor", None)
    return [one] if one is not None else [*cache.key_cache, *cache.value_cache]


def _tensors(value: object) -> list[torch.Tensor]:
    """Return the tensors in an attribute of the library's, which may be a table of them."""
    if isinstance(value, dict):
        return [tensor for inner in value.values() for tensor in _tensors(inner)]
    return [value] if isinstance(value, torch.Tensor) else []


class _Processors(ContinuousBatchingLogitsProcessorList):
    """The only processor is our sampler; on its way each batch tells the adapters its rows."""

    def __init__(self, bank: AdapterBank) -> None:
        super().__init__(LogitsProcessorList([BatchSampler()]))
        self.tensors_required = 1
        self._bank = bank

    def prepare_tensor_args(
        self, requests_in_batch: list[Any], arg_storage: torch.Tensor
    ) -> torch.Tensor:
        """Note whose tokens come next, then whose logits."""
        self._bank.set_batch(
            [
                (row.state.logit_processor_kwargs["draw"].adapter, row.query_length)
                for row in requests_in_batch
            ]
        )
        return super().prepare_tensor_args(requests_in_batch, arg_storage)
