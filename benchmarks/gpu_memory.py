"""Memory of many models on a card, and the time in which one comes back from the disk.

Estimate against measured, sixteen models resident and serving, the same through a budget in which
they have no room together, adapters on one base, and swapping in from the quantized cache.
"""

import asyncio
import gc
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.gpu_work import GB, Work, allocated, respond, row, spec_of, wait
from benchmarks.memory import ADAPTERS, SHARED, SWAP, write_adapter
from benchmarks.report import Row, progress
from serving.budget import parts_of
from serving.build import Builder
from serving.devices import CONTEXT_BYTES
from serving.estimate import estimate
from serving.loading import load
from serving.local import build
from serving.pool import Pool
from serving.shelf import Shelf
from serving.spec import ModelSpec

ESTIMATE: Final = 1.05  # most times that the estimate may be off
PIECE: Final = 2**28  # bytes that are copied at one time


async def memory(work: Work) -> AsyncIterator[Row]:
    """Yield estimates beside what models take, one by one and in all, and at work together."""
    before, took, engines = allocated(work), [], []
    needed = estimate(spec_of(work), cuda=work.on_card)
    fit = _fitting(work, needed.total)
    for number in range(fit):
        progress(f"model {number + 1} of {fit}")
        held = allocated(work)
        engines.append(build(spec_of(work, number=number)))
        took.append(_since(work, held, engines[-1].footprint))
    spread = f"measured {min(took) / GB:.2f} to {max(took) / GB:.2f}"
    least, most = 1 / ESTIMATE, ESTIMATE
    told, one = needed.held / GB, statistics.median(took) / GB
    figure = "one model, GB: estimate, measured"
    yield row(figure, told, one, least=least, most=most, arithmetic=spread)
    found = _since(work, before, sum(took)) / GB
    figure = f"{fit} models, GB: estimate, measured"
    yield row(figure, fit * told, found, least=least, most=most)
    start = time.perf_counter()
    made = sum(await asyncio.gather(*(respond(engine, work) for engine in engines)))
    seconds = time.perf_counter() - start
    yield row(f"{fit} models at work at once: tokens a second", made / seconds)
    for name, taken in _most(work).items():
        yield row(
            f"{fit} models at work, GB: estimate, {name}", fit * needed.total / GB, taken / GB
        )
    for engine in engines:
        await engine.close()
    engines.clear()
    if before is not None and (after := allocated(work)) is not None:
        yield row(f"left when all {fit} are closed, GB", (after - before) / GB)


def _most(work: Work) -> dict[str, int]:
    """Return the most that was in use on a card, and the most that was kept from others."""
    if not work.on_card:
        return {}
    free, total = torch.cuda.mem_get_info()
    in_use, kept = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return {"most in use": in_use, "most reserved": kept, "gone from the card now": total - free}


def _fitting(work: Work, each: int) -> int:
    """Return how many of the models have room."""
    if not work.on_card:
        return work.models
    free, _ = torch.cuda.mem_get_info()
    return min(work.models, int(free * 0.95 // each))


def _since(work: Work, before: int | None, counted: int) -> int:
    """Return what a card gave since a moment, and where no card is what was counted."""
    now = allocated(work)
    return counted if before is None or now is None else now - before


async def through_a_budget(work: Work) -> AsyncIterator[Row]:
    """Yield the most memory while pairs of neighbours are served where not all have room.

    The card is made as small as the budget: what goes beyond it fails.
    """
    specs = [spec_of(work, number=number) for number in range(work.models)]
    room = work.budget
    if work.on_card:
        room -= CONTEXT_BYTES  # what the driver keeps for this process
        _, total = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(min(room / total, 1.0))
    pool = Pool(specs, {work.device: room, "cpu": room}, measure=parts_of)
    most, start = 0, time.perf_counter()
    for one, two in itertools.pairwise(specs):
        progress(f"{one.name} and {two.name} within the budget")
        async with pool.engines(one.name, two.name) as pair:
            await asyncio.gather(*(respond(engine, work) for engine in pair))
            held = sum(engine.footprint for engine in pair)
            most = max(most, torch.cuda.max_memory_reserved() if work.on_card else held)
    await pool.close()
    pairs = f"{work.models - 1} pairs of {work.models} models"
    yield row(
        "through a budget, GB: most reserved, room",
        most / GB,
        room / GB,
        most=1.0,
        arithmetic=pairs,
    )
    each = (time.perf_counter() - start) / (work.models - 1)
    yield row("through a budget: seconds a pair, loading and responding", each)


async def adapters(work: Work) -> AsyncIterator[Row]:
    """Yield the memory of a base with its adapters, in models."""
    places = [work.folder / f"adapter-{number}" for number in range(ADAPTERS)]
    model = load(spec_of(work)).model
    for seed, place in enumerate(places):
        if not place.exists():
            write_adapter(place, model, seed)
    del model
    _let_go()
    make = Builder()
    before = allocated(work)
    engines = [make(spec_of(work))]
    alone = _since(work, before, engines[0].footprint)
    for number, place in enumerate(places):
        engines.append(
            make(spec_of(work).model_copy(update={"name": f"a{number}", "adapter": str(place)}))
        )
    counted = alone + sum(engine.footprint - engines[0].footprint for engine in engines)
    together = _since(work, before, counted)
    await asyncio.gather(*(respond(engine, work) for engine in engines))
    for engine in engines:
        await engine.close()
    yield row(
        f"base and {ADAPTERS} adapters, GB: together, one model",
        together / GB,
        alone / GB,
        most=SHARED,
    )


async def swap(work: Work, quantization: str) -> AsyncIterator[Row]:
    """Yield the seconds in which a model comes from the cache, in copies of its bytes."""
    spec = spec_of(work, quantization)
    load(spec)  # puts it into the cache
    _let_go()
    entry = Shelf.of(spec, Path(spec.checkpoint or ""), cuda=work.on_card).entry
    files = sorted(entry.glob("*.safetensors"))
    size = f"{sum(file.stat().st_size for file in files) / GB:.2f} GB"
    copy = _median(work, lambda: [_copy(work, file) for file in files])
    yield row(f"{quantization}: seconds to copy the bytes from disk", copy, arithmetic=size)
    taken = _median(work, lambda: load(spec).model)
    what = f"{quantization} from the cache: seconds, seconds to copy"
    yield row(what, taken, copy, most=SWAP, arithmetic=size)
    start = time.perf_counter()
    engine = build(spec)
    yield row(
        f"{quantization} from the cache until it serves: seconds", time.perf_counter() - start
    )
    await engine.close()
    del engine
    _let_go()
    again = _median(work, lambda: load(_uncached(spec)).model, rounds=1)
    yield row(f"{quantization} quantized again: seconds, from the cache", again, taken)


def _uncached(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"cache": None})


def _copy(work: Work, file: Path) -> torch.Tensor:
    """Bring the bytes of a file to the device, as plainly as can be."""
    target = torch.empty(file.stat().st_size, dtype=torch.uint8, device=work.device)
    piece, at = bytearray(min(PIECE, len(target))), 0
    with file.open("rb") as stream:
        while count := stream.readinto(piece):
            target[at : at + count].copy_(torch.frombuffer(piece, dtype=torch.uint8)[:count])
            at += count
    return target


def _median(work: Work, act: Callable[[], Any], rounds: int | None = None) -> float:
    """Return the median seconds of something, after it was done once."""
    taken = []
    for _ in range((rounds or work.rounds) + 1):
        start = time.perf_counter()
        kept = act()
        wait(work)
        taken.append(time.perf_counter() - start)
        del kept
        _let_go()
    return statistics.median(taken[1:])


def _let_go() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
