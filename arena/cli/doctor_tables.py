"""What the doctor found, as tables on a terminal."""

from collections.abc import Iterable
from typing import Final

from rich.markup import escape
from rich.table import Table

from arena.cli.oneline import one_line
from arena.doctor import Finding, Level
from arena.roster import Need, Roster
from serving.devices import gib_number

MARKS: Final = {Level.GOOD: "[green]ok[/]", Level.NOTE: "[yellow]note[/]", Level.BAD: "[red]bad[/]"}
NUMBERS: Final = ("weights", "cache", "adapter", "at work", "in all")


def findings(found: Iterable[Finding]) -> Table:
    """Return what is well, what is worth knowing and what is wrong, with the way out."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found", "way out"):
        table.add_column(heading, overflow="fold")  # a path that is cut is no path
    for finding in found:
        words = (escape(one_line(word)) for word in (finding.what, finding.found, finding.way_out))
        table.add_row(MARKS[finding.level], *words)
    return table


def needs(roster: Roster) -> Table:
    """Return the memory of each model in GiB, and where it is at the start."""
    table = Table(box=None, pad_edge=False, title="Memory in GiB, estimated", title_justify="left")
    table.add_column("model", overflow="fold")
    table.add_column("held as")
    for heading in NUMBERS:
        table.add_column(heading, justify="right")
    table.add_column("at the start", overflow="fold")
    table.add_column("kept on disk", overflow="fold")
    for need in roster.needs:
        table.add_row(*_row(need))
    return table


def _row(need: Need) -> list[str]:
    spec, bytes_of = need.spec, need.estimate
    if spec.kind == "local" and bytes_of.total:
        parts = (bytes_of.weights, bytes_of.cache, bytes_of.adapter, bytes_of.working)
        numbers = [gib_number(part) for part in (*parts, bytes_of.total)]
        if need.beside is not None:
            numbers = ["", "", gib_number(bytes_of.adapter), "", gib_number(bytes_of.adapter)]
    else:
        numbers = ["-"] * len(NUMBERS)
    where = need.place or "takes its turn"
    if spec.kind != "local":
        where = "elsewhere" if spec.kind == "remote" else "-"
    elif need.missing:
        where = "not at all: see below"
    elif need.beside is not None:
        where = f"{where}, on the weights of {escape(need.beside)}"
    held = spec.quantization if spec.kind == "local" else spec.kind
    return [escape(spec.name), str(held), *numbers, where, need.kept]
