"""A kernel that fails on the card, in a process beside others: who notices, and how long.

One model comes with code of its own, which looks past the end of a table for one token alone: the
trial of a load goes well, and a prompt with that token does not. On a card that is a device-side
assert, after which the driver refuses the process; on a processor it is an exception, which costs
nothing but the response.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.gpu_work import TINY, Work, respond, row, spec_of, write_random
from benchmarks.report import Row
from serving.build import Builder
from serving.engine import Engine, Failed, Prompt

CODE: Final = """\
import torch
from transformers import LlamaForCausalLM


class SickForCausalLM(LlamaForCausalLM):
    def forward(self, input_ids=None, **more):
        past = (input_ids == {token}).long() * 100
        torch.nn.functional.embedding(past, torch.zeros(8, 1, device=past.device))
        return super().forward(input_ids=input_ids, **more)
"""
LETTER: Final = "W"  # whose token is the one
DEADLINE_S: Final = 100.0
LOOK_S: Final = 0.05  # seconds between two looks at whether a process has ended
LOOKS: Final = 200
SAID: Final = 200  # characters of the cause that are kept


def write_sick(work: Work) -> Path:
    """Write a tiny model that fails on prompts with one letter; return its folder."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - here alone

    folder = write_random(work.folder / "sick", replace(work, shape=TINY))
    token = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(LETTER)
    (folder / "modeling_sick.py").write_text(CODE.format(token=token), encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_sick.SickForCausalLM"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


async def isolation(work: Work) -> AsyncIterator[Row]:
    """Yield the seconds until the failure is told, and until the healthy model serves again."""
    sick = write_sick(work)
    make = Builder("device")
    healthy = spec_of(work)
    try:
        engine = make(healthy)
        await respond(engine, work)
        broken = make(
            spec_of(work, "none", name="sick", checkpoint=str(sick), trust_remote_code=True)
        )
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
