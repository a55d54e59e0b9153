"""Models of seven billion parameters' shape on a card: speed, memory, swapping, a failed kernel.

Random weights of a published shape, in parts that stand alone, each in a process of its own with a
bound on its time:

    weights    writes the checkpoint (13.5 GB) into the folder of models, if it is not there
    nf4 int8 none
               two models answer 1, 4, 16 and 64 battles, beside plain generate in threads, and as
               a share of the floor that the memory's bandwidth sets
    memory     sixteen models as nf4: estimate against measured, and all at work
    budget     the same through 24 GB, on a card made that small
    adapters   a base and eight adapters
    swap-nf4 swap-int8
               a model from the quantized cache, against copying its bytes and quantizing again
    isolation  a kernel that fails on the card, in a process beside a healthy model

    python -m benchmarks.gpu [PART ...] [--models FOLDER] [--into FOLDER] [--seconds N] [--json]

It needs these packages and what they need, but no page, no database and no network: torch,
transformers, accelerate, psutil, bitsandbytes, pydantic, jinja2. `--models` keeps the checkpoint
for the next command (30 GB with the quantized ones). `--into` takes a file of figures for each
part, written as they come. `--seconds` bounds the whole command: parts for which no time is left
are said. `--tiny` rehearses it with a model that is almost nothing, also on the processor. Without
a card and without `--tiny` it says so and measures nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.report import Report, Row, Value, conclude, parser, progress

NEEDED: Final = (
    "torch",
    "transformers",
    "accelerate",
    "psutil",
    "bitsandbytes",
    "pydantic",
    "jinja2",
)
PARTS: Final = {  # seconds that each may take
    "weights": 240.0,
    "nf4": 360.0,
    "int8": 400.0,
    "none": 240.0,
    "memory": 240.0,
    "budget": 240.0,
    "adapters": 120.0,
    "swap-nf4": 180.0,
    "swap-int8": 180.0,
    "isolation": 150.0,
}
LEAST_S: Final = 20.0  # with less left a part is not begun
ROOT: Final = Path(__file__).resolve().parent.parent


def missing(needed: Sequence[str] = NEEDED) -> list[str]:
    """Return the packages that are not installed here."""
    return [package for package in needed if find_spec(package) is None]


def run_part(
    part: str, models: Path, into: Path, words: Sequence[str], limit_s: float
) -> tuple[list[Row], str | None]:
    """Run a part in a process of its own; return its figures, and why it did not end well."""
    file = into / f"{part}.json"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.gpu_part", part, "--work", str(models)]
    command += ["--into", str(file), *words]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}  # else a library may wait for a hub
    with subprocess.Popen(command, cwd=ROOT, env=offline) as child:  # noqa: S603 - our own code
        try:
            status = child.wait(limit_s)
            why = f"{part}: ended with status {status}; its error stands above" if status else None
        except subprocess.TimeoutExpired:
            child.kill()
            why = f"{part}: stopped after {limit_s:.0f} s; what it had found is kept"
    rows: list[Row] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return rows, why


def run_parts(
    parts: Sequence[str], models: Path, into: Path, words: Sequence[str], seconds: float
) -> tuple[list[Row], list[str]]:
    """Run parts one after the other, whatever happens to one; return figures and faults."""
    rows: list[Row] = []
    faults: list[str] = []
    end = time.monotonic() + seconds
    for part in dict.fromkeys(("weights", *parts)):
        limit_s = min(PARTS[part], end - time.monotonic())
        if limit_s < LEAST_S:
            faults.append(f"{part}: no time was left for it")
            continue
        progress(f"== {part}, at most {limit_s:.0f} s")
        start = time.monotonic()
        found, why = run_part(part, models, into, words, limit_s)
        progress(f"== {part}: {time.monotonic() - start:.0f} s")
        rows += found
        faults += [why] if why else []
    return rows, faults


def faults_of(rows: Sequence[Row]) -> list[str]:
    """Return what missed its mark."""
    out = []
    for row in rows:
        times, least, most = (row[key] for key in ("times", "at least", "at most"))
        if not isinstance(times, float):
            continue
        if isinstance(least, float) and times < least:
            out.append(f"{row['figure']}: {times:.3g} times, to reach: at least {least:.3g}")
        if isinstance(most, float) and times > most:
            out.append(f"{row['figure']}: {times:.3g} times, to reach: at most {most:.3g}")
    return out


def measure(
    parts: Sequence[str],
    *,
    tiny: bool = False,
    long: bool = False,
    models: Path | None = None,
    into: Path | None = None,
    seconds: float | None = None,
) -> Report:
    """Return all figures, or say that there is no card."""
    import torch  # noqa: PLC0415 - what is missing is said first

    if not tiny and not torch.cuda.is_available():
        return Report("gpu", {}, [], notes=["no GPU here: nothing was measured"])
    words = [f"--{name}" for name, said in (("tiny", tiny), ("long", long)) if said]
    with tempfile.TemporaryDirectory() as folder:
        kept, written = models or Path(folder) / "models", into or Path(folder) / "into"
        for place in (kept, written):
            place.mkdir(parents=True, exist_ok=True)
        bound = seconds or sum(PARTS.values()) * (10 if long else 1)
        rows, faults = run_parts(parts, kept.resolve(), written.resolve(), words, bound)
    card = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    libraries = {name: version(name) for name in ("torch", "transformers", "bitsandbytes")}
    settings: dict[str, Value] = {"card": card, **libraries}
    if tiny:
        return Report("gpu", settings, rows, notes=["a rehearsal: no mark applies"], faults=faults)
    return Report("gpu", settings, rows, faults=[*faults, *faults_of(rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    options = parser("Models of seven billion parameters' shape on a card.")
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of: {' '.join(PARTS)} (all)")
    options.add_argument("--models", type=Path, help="folder that keeps the models")
    options.add_argument("--into", type=Path, help="folder for a file of figures of each part")
    options.add_argument("--seconds", type=float, help="bound on the whole command")
    options.add_argument("--tiny", action="store_true", help="a rehearsal, also without a card")
    asked = options.parse_args(arguments)
    if unknown := [part for part in asked.parts if part not in PARTS]:
        options.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if lacking := missing():
        progress(
            f"benchmarks.gpu needs {' and '.join(lacking)}, not installed here: "
            f"{sys.executable} -m pip install {' '.join(lacking)}"
        )
        return 2
    given = {"tiny": asked.tiny, "long": asked.long, "seconds": asked.seconds}
    places = {"models": asked.models, "into": asked.into}
    return conclude(
        lambda: measure(asked.parts or list(PARTS), **given, **places), as_json=asked.json
    )


if __name__ == "__main__":
    sys.exit(main())
