"""Models of seven billion parameters' shape on a card: speed, its share of the floor, memory.

Random weights of a published shape. Two models answer 1, 4, 16 and 64 battles at once, held as nf4,
int8 and in 16 bits, beside plain generate in threads on the same card. The floor is the memory
bandwidth: each step of a batch must read all weights once, so a card that moves B bytes a second
makes at most `battles x B / weights` tokens a second with a pair that takes turns. The bandwidth is
measured, by a copy on the card. Then sixteen models as nf4: estimate against measured, and the same
through a budget of 24 GB.

Without a card it says so and measures nothing. `python -m benchmarks.gpu [--json] [--long]`.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.report import Report, Row, Value, conclude, parser, progress
from benchmarks.serving import Measured, engines_serve, threads_serve, write_tokenizer
from benchmarks.shapes import LLAMA_2_7B
from serving.budget import parts_of
from serving.engine import Done, Prompt
from serving.estimate import estimate
from serving.loading import load
from serving.local import build
from serving.pool import Pool
from serving.spec import ModelSpec

TO_REACH: Final = 3.0  # times plain generate, at 16 battles
ESTIMATE: Final = 1.05  # most times that the estimate may be off
AT_ONCE: Final = 16  # battles at which the two ways are compared
MODELS: Final = 16
BUDGET: Final = 24_000_000_000  # bytes
QUANTIZATIONS: Final = ("nf4", "int8", "none")
COPIED: Final = 2**31  # bytes, for the bandwidth


@dataclass(frozen=True)
class Work:
    """What is measured, and where; a test measures next to nothing on the processor."""

    device: str
    shape: dict[str, Any]
    battles: Sequence[int]
    tokens: int
    models: int
    budget: int
    quantizations: Sequence[str] = QUANTIZATIONS


def write_random(folder: Path, work: Work) -> None:
    """Write a checkpoint of random weights of a shape, made on the device."""
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415 - here alone

    settings = {key: value for key, value in work.shape.items() if key != "model_type"}
    ends = {"eos_token_id": None, "bos_token_id": None}
    config = AutoConfig.for_model(work.shape["model_type"], **settings, **ends)
    torch.manual_seed(0)
    with torch.device(work.device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    write_tokenizer(folder)


def spec_of(
    folder: Path, work: Work, quantization: str, number: int = 0, batch: int = 4
) -> ModelSpec:
    """Return a model on weights of its own: another folder, though its files are the same."""
    place = folder.with_name(f"{folder.name}-{number}")
    if not place.exists():
        place.symlink_to(folder, target_is_directory=True)
    return ModelSpec.model_validate(
        {
            "name": f"m{number}",
            "checkpoint": str(place),
            "quantization": quantization,
            "context_tokens": 512,
            "output_tokens": 256,
            "batch": batch,
            "device": work.device,
            "cache": str(folder.parent / "cache"),
        }
    )


def bandwidth(device: str, size: int = COPIED) -> float:
    """Return the bytes that the device's memory moves in a second, read and written together."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    _wait(device)
    start = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    _wait(device)
    return 10 * 2 * size / (time.perf_counter() - start)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _allocated(device: str) -> int | None:
    return torch.cuda.memory_allocated() if device.startswith("cuda") else None


async def _rate(serve: Callable[[], Awaitable[list[tuple[float, int]]]]) -> float:
    """Return tokens a second, of all battles together."""
    start = time.perf_counter()
    each = await serve()
    wall = time.perf_counter() - start
    measured = Measured(0.0, wall, sum(n for _, n in each), tuple(first for first, _ in each))
    return measured.tokens / measured.wall_s


async def speed(folder: Path, work: Work, quantization: str, moved: float) -> list[Row]:
    """Return the speed of a pair at each number of battles, plain generate and the floor beside."""
    most = max(work.battles)
    specs = [spec_of(folder, work, quantization, number, batch=most) for number in range(2)]
    engines = [build(spec) for spec in specs]
    weights = sum(estimate(spec, cuda=work.device != "cpu").weights for spec in specs) / 2
    ours = {}
    for battles in work.battles:
        progress(f"{quantization}, {battles} battles")
        ours[battles] = await _rate(partial(engines_serve, engines, work.tokens, battles))
    for engine in engines:
        await engine.close()
    loaded = [(found.model, found.tokenizer) for found in (load(spec) for spec in specs)]
    rows: list[Row] = []
    for battles, rate in ours.items():
        progress(f"{quantization}, {battles} battles, plain generate")
        plain = await _rate(partial(threads_serve, loaded, work.tokens, battles))
        floor = battles * moved / weights
        rows.append(
            {
                "figure": f"{quantization}, {battles} battles: tokens a second",
                "value": rate,
                "beside": plain,
                "times": rate / plain,
                "share of the floor": rate / floor,
                "arithmetic": f"{battles} x {moved / 1e9:.0f} GB/s / {weights / 1e9:.2f} GB",
            }
        )
    return rows


def _memory(figure: str, value: float, beside: float, arithmetic: str) -> Row:
    return {
        "figure": figure,
        "value": value / 1e9,
        "beside": beside / 1e9,
        "times": value / beside,
        "share of the floor": None,
        "arithmetic": arithmetic,
    }


async def memory(folder: Path, work: Work) -> list[Row]:
    """Return the estimates of many models beside what they took, one by one and in all."""
    rows, engines = [], []
    before, told, found = _allocated(work.device), 0, 0
    for number in range(work.models):
        progress(f"model {number + 1} of {work.models}")
        spec = spec_of(folder, work, "nf4", number)
        held = _allocated(work.device)
        engines.append(build(spec))
        now = _allocated(work.device)
        took = engines[-1].footprint if held is None or now is None else now - held
        needed = estimate(spec, cuda=work.device != "cpu").held
        told, found = told + needed, found + took
        if number == 0:
            rows.append(
                _memory("one model, GB: estimate, measured", needed, took, "weights, cache")
            )
    now = _allocated(work.device)
    found = found if before is None or now is None else now - before
    rows.append(_memory(f"{work.models} models, GB: estimate, measured", told, found, "all held"))
    for engine in engines:
        await engine.close()
    return rows


async def through_a_budget(folder: Path, work: Work) -> Row:
    """Return the most memory while all pairs of neighbours are served within a budget."""
    specs = [spec_of(folder, work, "nf4", number) for number in range(work.models)]
    if work.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    pool = Pool(specs, {work.device: work.budget, "cpu": work.budget}, measure=parts_of)
    most = 0
    for one, two in itertools.pairwise(specs):
        progress(f"{one.name} and {two.name} within the budget")
        async with pool.engines(one.name, two.name) as pair:
            for engine in pair:
                prompt = Prompt(Prompt.of("Why?").messages, max_tokens=work.tokens)
                last = [event async for event in engine.stream(prompt)][-1]
                if not isinstance(last, Done):
                    raise TypeError(f"a response was lost: {last}")
            held = sum(engine.footprint for engine in pair)
            most = max(most, held if work.device == "cpu" else torch.cuda.max_memory_allocated())
    await pool.close()
    pairs = f"{work.models - 1} pairs of {work.models} models"
    return _memory("through a budget, GB: most at once, budget", most, work.budget, pairs)


async def figures(folder: Path, work: Work) -> list[Row]:
    """Return all figures."""
    progress("writing random weights")
    checkpoint = folder / "model"
    write_random(checkpoint, work)
    moved = bandwidth(work.device, COPIED if work.device != "cpu" else 2**20)
    rows: list[Row] = []
    for quantization in work.quantizations:
        rows += await speed(checkpoint, work, quantization, moved)
    rows += await memory(checkpoint, work)
    return [*rows, await through_a_budget(checkpoint, work)]


def faults_of(rows: Sequence[Row]) -> list[str]:
    """Return what missed its mark."""
    out = []
    for row in rows:
        figure, times = str(row["figure"]), row["times"]
        if not isinstance(times, float):
            continue
        if f", {AT_ONCE} battles" in figure and times < TO_REACH:
            out.append(f"{figure}: {times:.2f} times plain generate, to reach: {TO_REACH}")
        if "estimate" in figure and not 1 / ESTIMATE <= times <= ESTIMATE:
            out.append(f"{figure}: the estimate is {times:.2f} times what was measured")
        if "budget" in figure and times > 1:
            out.append(f"{figure}: {times:.2f} times the budget was taken")
    return out


def measure(*, long: bool) -> Report:
    """Return all figures, or say that there is no card."""
    if not torch.cuda.is_available():
        return Report("gpu", {}, [], notes=["no GPU here: nothing was measured"])
    work = Work("cuda:0", LLAMA_2_7B, (1, 4, 16, 64), 128 if long else 48, MODELS, BUDGET)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(figures(Path(folder), work))
    settings: dict[str, Value] = {"card": torch.cuda.get_device_name(0), "tokens": work.tokens}
    return Report("gpu", settings, rows, faults=faults_of(rows))


def main() -> int:
    """Run from the command line."""
    options = parser("Models of seven billion parameters' shape on a card.").parse_args()
    return conclude(lambda: measure(long=options.long), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
