"""One part of the benchmark for a card, in the process that `benchmarks.gpu` starts for it.

Each figure is printed and written to a file as soon as it is there, so that what a part had found
is kept when its time is up.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.gpu_isolation import isolation
from benchmarks.gpu_memory import adapters, memory, swap, through_a_budget
from benchmarks.gpu_speed import speed
from benchmarks.gpu_work import Work, tiny, write_random
from benchmarks.report import Row, progress, shown

LONG_TOKENS: Final = 256


async def weights(work: Work) -> AsyncIterator[Row]:
    """Write the random weights, unless they are there; nothing is measured."""
    done = work.folder / "written"
    if not done.exists():
        write_random(work.checkpoint, work)
        done.touch()
    nothing: tuple[Row, ...] = ()
    for row in nothing:
        yield row


FIGURES: Final[dict[str, Callable[[Work], AsyncIterator[Row]]]] = {
    "weights": weights,
    "nf4": partial(speed, quantization="nf4"),
    "int8": partial(speed, quantization="int8"),
    "none": partial(speed, quantization="none"),
    "memory": memory,
    "budget": through_a_budget,
    "adapters": adapters,
    "swap-nf4": partial(swap, quantization="nf4"),
    "swap-int8": partial(swap, quantization="int8"),
    "isolation": isolation,
}


async def run(name: str, work: Work, into: Path) -> list[Row]:
    """Run a part; a figure that comes again, with more beside it, takes the place of the first."""
    rows: dict[str, Row] = {}
    async for row in FIGURES[name](work):
        rows[str(row["figure"])] = row
        progress(", ".join(f"{key} {shown(value)}" for key, value in row.items() if value))
        written = into.with_suffix(".part")
        written.write_text(json.dumps(list(rows.values())), encoding="utf-8")
        written.replace(into)
    return list(rows.values())


def main() -> int:
    """Run from the command line."""
    options = argparse.ArgumentParser(description="One part of the benchmark for a card.")
    options.add_argument("part", choices=list(FIGURES))
    options.add_argument("--work", type=Path, required=True, help="folder of models")
    options.add_argument("--into", type=Path, required=True, help="file of figures")
    options.add_argument("--tiny", action="store_true")
    options.add_argument("--long", action="store_true")
    asked = options.parse_args()
    work = tiny(asked.work) if asked.tiny else Work(asked.work)
    if asked.long:
        work = replace(work, tokens=LONG_TOKENS, window_s=10 * work.window_s)
    asyncio.run(run(asked.part, work, asked.into))
    return 0


if __name__ == "__main__":
    sys.exit(main())
