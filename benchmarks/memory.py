"""Memory and time of models that come and go: estimates, adapters, quantized weights on disk.

On the processor with random weights. Three questions: is the estimate before loading what the
model's tensors take afterwards; what do eight adapters on one base cost against nine models; and
how long does a model take to come back from the cache, against copying its bytes and against
quantizing it again. Speed of text is measured in `benchmarks.serving`.

Run it with `python -m benchmarks.memory [--json] [--long]`.
"""

import asyncio
import json
import mmap
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from benchmarks.report import Report, Row, conclude, parser, progress
from benchmarks.serving import write_model
from serving.build import Builder
from serving.engine import Engine
from serving.estimate import estimate
from serving.loading import load
from serving.shelf import Shelf
from serving.spec import ModelSpec

ADAPTERS: Final = 8
RANK: Final = 8
ESTIMATE: Final = 1.05  # most times that an estimate may be off
SHARED: Final = 1.2  # most memory of base and adapters, in models
PAGE: Final = 4096  # bytes
SWAP: Final = 2.0  # most time to come from the cache, in copies of its bytes
QUANTIZATIONS: Final = ("none", "int8", "nf4")


@dataclass(frozen=True)
class Size:
    """How large models are, by width and layers, and how often each time is taken.

    Three models are swapped: one of few large matrices, the first one, and one of many small ones.
    Each matrix takes its part of a millisecond whatever its size, which is little beside the time
    for its bytes in a model of usual size, and most of it in a small one.
    """

    width: int
    layers: int
    swap_width: int
    swap_layers: int
    rounds: int
    small_width: int = 576
    small_layers: int = 30


def spec_of(folder: Path, quantization: str = "none", **more: object) -> ModelSpec:
    """Return a model that four battles share."""
    fields = {"checkpoint": str(folder), "quantization": quantization, "device": "cpu", **more}
    said = {"name": "m", "context_tokens": 512, "output_tokens": 64, "batch": 4, **fields}
    return ModelSpec.model_validate(said)


def write_adapter(folder: Path, model: torch.nn.Module, seed: int) -> None:
    """Write a LoRA adapter of random numbers over all linear layers, as PEFT writes it."""
    folder.mkdir()
    source = torch.Generator().manual_seed(seed)
    layers = {
        name: (layer.in_features, layer.out_features)
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and name != "lm_head"
    }
    matrices = {}
    for name, (inputs, outputs) in layers.items():
        at = f"base_model.model.{name}"
        matrices[f"{at}.lora_A.weight"] = torch.randn(RANK, inputs, generator=source)
        matrices[f"{at}.lora_B.weight"] = torch.randn(outputs, RANK, generator=source)
    save_file(matrices, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK}
    (folder / "adapter_config.json").write_text(json.dumps(config))


async def _closed(engines: list[Engine]) -> None:
    for engine in engines:
        await engine.close()


async def estimates(folder: Path) -> list[Row]:
    """Return for each quantization how far the estimate is from what was allocated."""
    rows = []
    for quantization in QUANTIZATIONS:
        spec = spec_of(folder, quantization)
        engine = Builder()(spec)
        told, found = estimate(spec).held, engine.footprint
        await _closed([engine])
        rows.append(
            _row(f"estimate against measured, {quantization}", told / found, ESTIMATE, found)
        )
    return rows


async def adapters(folder: Path) -> Row:
    """Return the memory of a base with its adapters, in models."""
    places = [folder.parent / f"adapter-{number}" for number in range(ADAPTERS)]
    model = load(spec_of(folder)).model
    for seed, place in enumerate(places):
        write_adapter(place, model, seed)
    del model
    build = Builder()
    engines: list[Engine] = [build(spec_of(folder))]
    alone = engines[0].footprint
    for number, place in enumerate(places):
        engines.append(build(spec_of(folder, name=f"a{number}", adapter=str(place))))
    together = alone + sum(engine.footprint - alone for engine in engines)
    await _closed(engines)
    return _row(f"base and {ADAPTERS} adapters, in models", together / alone, SHARED, together)


def _ready(spec: ModelSpec) -> torch.nn.Module:
    """Return a loaded model whose every page is in memory: files are mapped, and read on touch."""
    model: torch.nn.Module = load(spec).model
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.detach().flatten().view(torch.uint8)[::PAGE].sum()
    return model


def copied(file: Path) -> mmap.mmap:
    """Return a file in fresh memory; `bytes` might come to lie in what was freed before."""
    fresh, done = mmap.mmap(-1, file.stat().st_size), 0
    with file.open("rb", buffering=0) as source, memoryview(fresh) as place:
        while done < len(fresh):
            done += source.readinto(place[done:])
    return fresh


def _median(work: Callable[[], object], rounds: int) -> float:
    """Return the median seconds of some work, once it has been done before."""
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        kept = work()
        taken.append(time.perf_counter() - start)
        del kept
    return statistics.median(taken[1:])


async def swaps(folder: Path, cache: Path, rounds: int) -> list[Row]:
    """Return how long a model takes from the cache, in copies of its bytes; again beside it."""
    rows, matrices = [], _matrices(folder)
    for quantization in ("int8", "nf4"):
        progress(f"swapping in, {quantization}, {matrices} matrices")
        spec = spec_of(folder, quantization, cache=str(cache))
        again = _median(partial(_ready, spec.model_copy(update={"cache": None})), rounds)
        load(spec)
        kept = Shelf.of(spec, folder, cuda=False).entry / "model.safetensors"
        size = kept.stat().st_size
        copy = _median(partial(copied, kept), rounds * 3)
        taken = _median(partial(_ready, spec), rounds)
        what = f"from the cache, {quantization}, {matrices} matrices"
        rows.append(_row(f"{what}: in copies of its bytes", taken / copy, SWAP, size))
        rows.append(_row(f"{what}: seconds", taken, None, size))
        rows.append(_row(f"copied, {quantization}, {matrices} matrices: seconds", copy, None, size))
        what = f"quantized again, {quantization}, {matrices} matrices"
        rows.append(_row(f"{what}: seconds", again, None, size))
    return rows


def _row(figure: str, value: float, reach: float | None, size: int) -> Row:
    return {"figure": figure, "value": value, "at most": reach, "megabytes": size / 1e6}


def _matrices(checkpoint: Path) -> int:
    """Return how many matrices of a checkpoint are quantized."""
    with safe_open(checkpoint / "model.safetensors", framework="pt") as file:
        return sum(name.endswith("_proj.weight") for name in file.keys())  # noqa: SIM118 -- no dict


async def figures(folder: Path, size: Size) -> list[Row]:
    """Return all figures of a model of some size."""
    checkpoint = folder / "model"
    progress("writing random weights")
    write_model(checkpoint, 0, width=size.width, layers=size.layers)
    progress("estimates")
    rows = await estimates(checkpoint)
    progress("adapters")
    rows.append(await adapters(checkpoint))
    large = folder / "large"
    write_model(large, 1, width=size.swap_width, layers=size.swap_layers)
    small = folder / "small"
    write_model(small, 2, width=size.small_width, layers=size.small_layers)
    for swapped in (large, checkpoint, small):
        rows += await swaps(swapped, folder / "cache", size.rounds)
    return rows


def faults_of(rows: list[Row]) -> list[str]:
    """Return what missed its mark; an estimate misses it on both sides."""
    out = []
    for row in rows:
        value, most = row["value"], row["at most"]
        if not isinstance(value, float) or not isinstance(most, float):
            continue
        off = max(value, 1 / value) if str(row["figure"]).startswith("estimate") else value
        if off > most:
            out.append(f"{row['figure']}: {value:.2f}, to reach: {most}")
    return out


def measure(*, long: bool) -> Report:
    """Return all figures."""
    size = Size(1024, 12, 4096, 3, 5) if long else Size(768, 10, 2048, 4, 3)
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(figures(Path(folder), size))
    return Report(
        "memory",
        {
            "width": size.width,
            "layers": size.layers,
            "width when swapped": size.swap_width,
            "layers when swapped": size.swap_layers,
            "width when small": size.small_width,
            "layers when small": size.small_layers,
            "rounds": size.rounds,
        },
        rows,
        notes=[
            "copied: the file read whole into fresh memory, out of the system's file cache",
            "from the cache: mapped out of it too, until every page has been touched",
        ],
        faults=faults_of(rows),
    )


def main() -> int:
    """Run from the command line."""
    options = parser("Memory and time of models that come and go.").parse_args()
    return conclude(lambda: measure(long=options.long), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
