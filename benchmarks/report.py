"""What every benchmark says at its end: a table for people or one JSON object for machines.

A report knows rows of figures and whether the benchmark held; how they were measured, it does not.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

Value = str | int | float | bool | None
Row = Mapping[str, Value]


@dataclass(frozen=True)
class Report:
    """The figures of one benchmark; `faults` says in sentences what did not hold."""

    benchmark: str
    settings: Mapping[str, Value]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    faults: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything held that has to hold on any machine."""
        return not self.faults

    def to_json(self) -> str:
        """Return the report as one line."""
        return json.dumps({**asdict(self), "ok": self.ok}, ensure_ascii=False)

    def to_text(self) -> str:
        """Return the report as a table, with its notes below."""
        settings = ", ".join(f"{name} {shown(value)}" for name, value in self.settings.items())
        lines = [f"{self.benchmark}: {settings}", *_table(self.rows)]
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  FAULT: {fault}" for fault in self.faults]
        lines.append(f"  {'held' if self.ok else 'DID NOT HOLD'}, {self.seconds:.0f} s")
        return "\n".join(lines)


def shown(value: Value) -> str:
    """Return a value as it stands in a table; None is a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - 3 digits
    return f"{value:,}" if isinstance(value, int) else value


def _table(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    titles = list(rows[0])
    cells = [titles] + [[shown(row.get(title)) for title in titles] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(titles))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def progress(said: str) -> None:
    """Say on standard error what is going on, so that the report stays alone on the other."""
    print(said, file=sys.stderr, flush=True)


def parser(what: str) -> argparse.ArgumentParser:
    """Return the options that every benchmark has."""
    options = argparse.ArgumentParser(description=what)
    options.add_argument("--json", action="store_true", help="print one JSON object")
    options.add_argument("--long", action="store_true", help="the long form: minutes to hours")
    return options


def conclude(measure: Callable[[], Report], *, as_json: bool) -> int:
    """Measure, print the report, and return the exit status."""
    started = time.monotonic()
    measured = measure()
    report = replace(measured, seconds=round(time.monotonic() - started, 1))
    print(report.to_json() if as_json else report.to_text(), flush=True)
    return 0 if report.ok else 1
