"""Tokens a second of a pair of models on a card, beside plain generate, and against the floor.

The floor: each step of a batch reads all weights of the layers once, so memory that moves B bytes a
second lets a pair that takes turns make at most `battles x B / weights` tokens a second. Keys and
values, which are read too, are left out of it; so are the embeddings, of which a step reads a row.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from transformers import TextIteratorStreamer

from benchmarks.gpu_work import ASKED, GB, Work, allocated, bandwidth, respond, row, spec_of
from benchmarks.report import Row, progress
from serving.engine import Engine
from serving.estimate import FULL, HALF, estimate
from serving.loading import Loaded, load
from serving.local import build

TO_REACH: Final = 3.0  # times plain generate, at so many battles:
AT_ONCE: Final = 16
SIDES: Final = 2


async def speed(work: Work, quantization: str) -> AsyncIterator[Row]:
    """Yield the speed at each number of battles: ours first, then with plain generate beside."""
    most = max(work.battles)
    specs = [spec_of(work, quantization, number, batch=most) for number in range(SIDES)]
    read = sum(estimate(spec, cuda=work.on_card).weights for spec in specs) / SIDES - _rows(work)
    floor = Floor(bandwidth(work), read)
    engines = [build(spec) for spec in specs]
    progress(f"{quantization}: two models loaded, {allocated(work)} bytes")
    await _ours(engines, work, 1)  # kernels are loaded when they are first used
    ours = {}
    for battles in work.battles:
        ours[battles] = await _ours(engines, work, battles)
        yield _row(quantization, battles, ours[battles], None, floor)
    for engine in engines:
        await engine.close()
    del engines
    loaded = [load(spec) for spec in specs]
    for one in loaded:  # alone: eight-bit layers are made ready by whoever comes first
        _generate(one, 2, work.window_s)
    for battles in work.battles:
        plain = await asyncio.to_thread(_plain, loaded, work, battles)
        yield _row(quantization, battles, ours[battles], plain, floor)


@dataclass(frozen=True)
class Floor:
    """What a card's memory allows: bytes that it moves in a second, bytes read in a step."""

    moved: float
    read: float

    def rate(self, battles: int) -> float:
        """Return the most tokens a second of a pair that takes turns."""
        return battles * self.moved / self.read


def _rows(work: Work) -> int:
    """Return the bytes of the embeddings, which no step reads as a whole."""
    return int(
        work.shape["vocab_size"] * work.shape["hidden_size"] * (HALF if work.on_card else FULL)
    )


def _row(quantization: str, battles: int, ours: float, plain: float | None, floor: Floor) -> Row:
    return row(
        f"{quantization}, {battles} battles: tokens a second, plain generate",
        ours,
        plain,
        least=TO_REACH if battles == AT_ONCE else None,
        share=ours / floor.rate(battles),
        arithmetic=f"floor: {battles} x {floor.moved / GB:.0f} GB/s / {floor.read / GB:.2f} GB",
    )


async def _ours(engines: Sequence[Engine], work: Work, battles: int) -> float:
    start = time.perf_counter()
    sides = (respond(engine, work, seed) for seed in range(battles) for engine in engines)
    made = sum(await asyncio.gather(*sides))
    return made / (time.perf_counter() - start)


def _plain(loaded: list[Loaded], work: Work, battles: int) -> float:
    """Return tokens a second of a thread and a streamer for each response, within a window."""
    made: list[int] = []
    errors: list[BaseException] = []

    def one(model: Loaded) -> None:
        try:
            made.append(_generate(model, work.tokens, work.window_s))
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that measures
            errors.append(error)

    threads = [
        threading.Thread(target=one, args=(model,)) for _ in range(battles) for model in loaded
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(made) / (time.perf_counter() - start)


def _generate(loaded: Loaded, tokens: int, window_s: float) -> int:
    """Generate as plainly as can be, with what our engines are told; return the tokens made."""
    model, tokenizer = loaded.model, loaded.tokenizer
    ids = tokenizer(ASKED, return_tensors="pt")["input_ids"].to(model.device)
    drawn = {"do_sample": True, "temperature": 0.7, "top_k": 0, "top_p": 1.0}
    out = model.generate(
        input_ids=ids,
        max_new_tokens=tokens,
        max_time=window_s,
        streamer=TextIteratorStreamer(tokenizer, skip_prompt=True),
        pad_token_id=0,
        **drawn,
    )
    return int(out.shape[1] - ids.shape[1])
