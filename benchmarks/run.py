"""Every benchmark after the other, each in a process of its own, with the machine they ran on.

`make bench` runs the short forms, `make bench-long` the long ones. One that fails or takes too long
makes the exit status 1, and the others still run. What is measured is known by each file alone;
`python -m benchmarks.NAME` runs it alone.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
if __name__ == "__main__":  # started by its path: the packages must come before this folder
    sys.path[0] = str(HERE.parent)

from benchmarks.machine import machine  # noqa: E402 - the path comes first

ORDER: Final = (
    "ratings",
    "refresh",
    "coverage",
    "distrust",
    "serving",
    "memory",
    "residency",
    "soak",
    "votes",
    "blindness",
    "timing",
    "kill9",
    "gpu",
)
SHORT_S: Final = 17 * 60.0  # what all short forms share, the first ones first
LEAST_S: Final = 15.0  # what each gets even when others have used everything up
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PACKAGE: Final = "benchmarks"

Result = dict[str, Any]


def run_one(name: str, words: Sequence[str], limit_s: float | None) -> Result:
    """Run one benchmark and return its name, exit status, seconds and what it printed."""
    started = time.monotonic()
    command = [sys.executable, "-m", f"{PACKAGE}.{name}", *words]
    with subprocess.Popen(  # noqa: S603 - our own code
        command,
        cwd=HERE.parent,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that servers it started end with it
    ) as child:
        try:
            said, _ = child.communicate(timeout=limit_s)
            status = child.returncode
        except subprocess.TimeoutExpired:
            status, said = 1, f"{name}: stopped after {limit_s:.0f} s\n"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    seconds = round(time.monotonic() - started, 1)
    return {"benchmark": name, "status": status, "seconds": seconds, "said": said}


def parsed(result: Result) -> Result:
    """Return a result with its JSON read; text that is none is kept and fails."""
    rest = {key: value for key, value in result.items() if key != "said"}
    try:
        return {**rest, "report": json.loads(result["said"])}
    except json.JSONDecodeError:
        return {**rest, "status": result["status"] or 1, "said": result["said"]}


def run_all(
    names: Sequence[str],
    words: Sequence[str],
    all_s: float | None,
    show: Callable[[Result], None],
) -> list[Result]:
    """Run them all, whatever happens to one, and show each as it ends; `all_s` they share."""
    results: list[Result] = []
    for name in names:
        spent = sum(result["seconds"] for result in results)
        limit_s = None if all_s is None else max(all_s - spent, LEAST_S)
        results.append(run_one(name, words, limit_s))
        show(results[-1])
    return results


def header() -> str:
    """Return the machine, a line each."""
    return "\n".join(f"{what + ':':8} {value}" for what, value in machine().items())


def summary(results: Sequence[Result]) -> str:
    """Return the last line: what held and how long it all took."""
    failed = [result["benchmark"] for result in results if result["status"]]
    minutes = sum(result["seconds"] for result in results) / 60
    held = f"{len(results) - len(failed)} of {len(results)} benchmarks held, {minutes:.1f} minutes"
    return f"{held}; failed: {', '.join(failed)}" if failed else held


def _as_text(names: Sequence[str], words: Sequence[str], all_s: float | None) -> list[Result]:
    print(header(), flush=True)
    results = run_all(
        names, words, all_s, lambda result: print(f"\n{result['said'].rstrip()}", flush=True)
    )
    print(f"\n{summary(results)}")
    return results


def _as_json(names: Sequence[str], words: Sequence[str], all_s: float | None) -> list[Result]:
    found = machine()
    results = [
        parsed(result) for result in run_all(names, [*words, "--json"], all_s, lambda _: None)
    ]
    print(json.dumps({"machine": found, "benchmarks": results}, ensure_ascii=False))
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 if all held."""
    options = argparse.ArgumentParser(description="Measure the figures we publish.")
    options.add_argument("names", nargs="*", metavar="NAME", help=f"of: {' '.join(ORDER)} (all)")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    options.add_argument("--long", action="store_true", help="the long forms: hours")
    asked = options.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in ORDER]:
        options.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(ORDER)}")
    names = [name for name in ORDER if not asked.names or name in asked.names]
    words = ["--long"] if asked.long else []
    all_s = None if asked.long else SHORT_S
    results = (_as_json if asked.json else _as_text)(names, words, all_s)
    return 1 if any(result["status"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
