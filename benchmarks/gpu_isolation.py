"""A kernel that fails on the card, in a process beside others: who notices, and how long.

One model's tokenizer knows more tokens than it has embeddings. On a card that is a device-side
assert, after which the driver refuses the process; on a processor it is an exception, which costs
nothing but the response.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from benchmarks.gpu_work import TINY, Work, respond, row, spec_of, write_random
from benchmarks.report import Row
from serving.build import Builder
from serving.engine import Engine, Failed, Prompt

WORDS: Final = 8  # that the broken model has embeddings for
DEADLINE_S: Final = 100.0
LOOK_S: Final = 0.05  # seconds between two looks at whether a process has ended
LOOKS: Final = 200
SAID: Final = 200  # characters of the cause that are kept


async def isolation(work: Work) -> AsyncIterator[Row]:
    """Yield the seconds until the failure is told, and until the healthy model serves again."""
    sick = write_random(work.folder / "sick", replace(work, shape=TINY), vocab_size=WORDS)
    make = Builder("device")
    healthy = spec_of(work)
    try:
        engine = make(healthy)
        await respond(engine, work)
        broken = make(spec_of(work, "none", name="sick", checkpoint=str(sick)))
        start = time.perf_counter()
        prompt = Prompt(Prompt.of("Why?").messages, deadline_s=DEADLINE_S)
        last = [event async for event in broken.stream(prompt)][-1]
        if not isinstance(last, Failed):
            raise TypeError(f"nothing failed: {last}")
        seconds = time.perf_counter() - start
        ended = await _ended(engine) if work.on_card else engine.lost
        told = f"{last.kind}, the process {'ended' if ended else 'lives'}: {last.cause}"
        said = " ".join(told.split())[:SAID]
        yield row("a failed kernel: seconds until it is told", seconds, arithmetic=said)
        start = time.perf_counter()
        if ended:
            engine = make(healthy)
        await respond(engine, work)
        figure = "a healthy model beside it: seconds until it serves again"
        yield row(figure, time.perf_counter() - start)
    finally:
        make.close()


async def _ended(engine: Engine) -> bool:
    """Wait for the end of a process that has just told of its failure."""
    for _ in range(LOOKS):
        if engine.lost:
            break
        await asyncio.sleep(LOOK_S)
    return engine.lost
