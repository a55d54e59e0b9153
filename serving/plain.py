"""Plain generation, one thread for each response: for models that continuous batching refuses.

Costs two to three times the processor time for each token, and serves the same events.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any, Final

import torch
from transformers import StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from serving.lora import AdapterBank
from serving.sampling import Draw, SingleSampler
from serving.tokens import SourceDiedError, TokenRequest

THREADS = 4  # responses at once; more would only wait for each other
LOOK_S = 0.5  # seconds between two looks at whether the thread still lives
JOIN_S = 10.0  # seconds to wait for a thread at the end

_END: Final = object()


class _Pipe(BaseStreamer):
    """Carry ids, the end and any exception from a thread into the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.inbox: asyncio.Queue[object] = asyncio.Queue()
        self._loop = loop
        self._prompt_passed = False

    def put(self, value: torch.Tensor) -> None:
        if not self._prompt_passed:  # the library streams the prompt first
            self._prompt_passed = True
            return
        self.send([int(token) for token in value.flatten()])

    def end(self) -> None:
        """Say nothing: the thread tells the end itself, or what went wrong."""

    def send(self, item: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.inbox.put_nowait, item)


class _Until(StoppingCriteria):
    """Stop at the next token once asked to."""

    def __init__(self, asked: threading.Event) -> None:
        self._asked = asked

    def __call__(
        self,
        input_ids: torch.Tensor,
        scores: torch.Tensor,  # noqa: ARG002 -- the library's signature
        **kwargs: object,  # noqa: ARG002 -- the library's signature
    ) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._asked.is_set(), device=input_ids.device)


class Plain:
    """A token source on the library's ``generate``."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 -- any architecture
        eos: frozenset[int],
        bank: AdapterBank,
    ) -> None:
        self._model = model
        self._bank = bank
        self._eos = sorted(eos)
        self._slots = asyncio.Semaphore(THREADS)
        self._running: dict[threading.Thread, threading.Event] = {}
        self._stopping = False

    async def tokens(self, request: TokenRequest) -> AsyncGenerator[list[int]]:
        """Yield new ids as they come; leaving early stops the thread at its next token."""
        async with self._slots:
            pipe = _Pipe(asyncio.get_running_loop())
            stop = threading.Event()
            thread = threading.Thread(target=self._run, args=(request, pipe, stop), daemon=True)
            self._running[thread] = stop
            thread.start()
            try:
                while (item := await self._next(pipe.inbox, thread)) is not _END:
                    if isinstance(item, BaseException):
                        raise SourceDiedError(item) from item
                    if isinstance(item, list):
                        yield item
            finally:
                stop.set()
        if self._stopping:  # the thread may have ended before it was done
            raise SourceDiedError(None)

    def _run(self, request: TokenRequest, pipe: _Pipe, stop: threading.Event) -> None:
        try:
            self._generate(request, pipe, stop)
            pipe.send(_END)
        except BaseException as error:  # noqa: BLE001 -- carried to the reader, who would hang
            pipe.send(error)
        finally:
            self._running.pop(threading.current_thread(), None)

    def _generate(self, request: TokenRequest, pipe: _Pipe, stop: threading.Event) -> None:
        ids = torch.tensor([request.ids], device=self._model.device)
        self._bank.set_batch([(request.adapter, len(request.ids))])
        with torch.inference_mode():
            self._model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=request.limit,
                do_sample=False,
                eos_token_id=self._eos or None,
                pad_token_id=self._eos[0] if self._eos else 0,
                logits_processor=[SingleSampler(Draw(request))],
                stopping_criteria=[_Until(stop)],
                streamer=pipe,
            )

    async def _next(self, inbox: "asyncio.Queue[object]", thread: threading.Thread) -> object:
        while True:
            try:
                return await asyncio.wait_for(inbox.get(), LOOK_S)
            except TimeoutError:
                if inbox.empty() and not thread.is_alive():
                    raise SourceDiedError(None) from None

    def stop(self) -> None:
        """End all threads; responses still open find their source dead."""
        self._stopping = True
        for thread, stop in list(self._running.items()):
            stop.set()
            thread.join(JOIN_S)
