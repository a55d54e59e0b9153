"""Which hardware holds what: the estimate of memory for published shapes, and how many fit a card.

Nothing is loaded and no card is needed: this is arithmetic, as `arena doctor` does it for a roster.
Each model has a cache for some battles at once; of each card the same reserve and one context are
taken off that the pool takes off a card it measures.

Run it with `python -m benchmarks.hardware [--json] [--long]` (long: the whole context).
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.report import Report, Row, conclude, parser
from benchmarks.shapes import SHAPES, write_shape
from serving.devices import CONTEXT_BYTES, GIB, RESERVE_SHARE
from serving.estimate import estimate
from serving.spec import ModelSpec

CARDS: Final = (24, 48, 80)  # gigabytes, as they are sold: gibibytes of memory
QUANTIZATIONS: Final = ("none", "int8", "nf4")
BATTLES: Final = 4
CONTEXT: Final = (2048, 4096)  # tokens: the short form, the long one


def rows_of(folder: Path, name: str, context: int) -> list[Row]:
    """Return a row for each quantization of a shape."""
    write_shape(folder, SHAPES[name])
    rows: list[Row] = []
    for quantization in QUANTIZATIONS:
        fields = {"checkpoint": str(folder), "quantization": quantization, "batch": BATTLES}
        spec = ModelSpec.model_validate({"name": name, "context_tokens": context, **fields})
        needed = estimate(spec, cuda=True)
        rows.append(
            {
                "shape": name,
                "held as": quantization,
                "weights GiB": needed.weights / GIB,
                "cache GiB": needed.cache / GIB,
                "at work GiB": needed.working / GIB,
                "in all GiB": needed.total / GIB,
                **{f"in {card} GB": room_of(card) // needed.total for card in CARDS},
            }
        )
    return rows


def room_of(card: int) -> int:
    """Return the bytes for models on a card of so many gigabytes that is empty."""
    return int(card * GIB * (1 - RESERVE_SHARE)) - CONTEXT_BYTES


def measure(*, long: bool) -> Report:
    """Return the table."""
    context = CONTEXT[long]
    rows: list[Row] = []
    for name in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            rows += rows_of(Path(folder), name, context)
    return Report("hardware", {"context tokens": context, "battles at once": BATTLES}, rows)


def main() -> int:
    """Run from the command line."""
    options = parser("Which hardware holds what, by estimate.").parse_args()
    return conclude(lambda: measure(long=options.long), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
