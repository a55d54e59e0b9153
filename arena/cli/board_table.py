"""A board as a terminal shows it: intervals drawn on one axis, votes as bars, doubts in words.

Names are a stranger's, and are escaped. Where the figures come from is not known here;
`arena.cli.board_text` writes them for programs.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from arena.cli.oneline import one_line

if TYPE_CHECKING:
    import pandas as pd

    from arena.board import Board

AXIS: Final = 33  # cells of the drawn interval
BAR: Final = 12  # cells of the bar of won, tied and lost votes
NARROW: Final = 80  # columns of the smallest terminal that we lay out for
SHORT: Final = 14  # cells that a model's name keeps at least
TO: Final = "\N{EN DASH}"  # between two places
SIDE: Final = 1.96  # standard deviations either side that hold 95 %
NONE: Final = TO  # where there is no number
SCORE: Final = "score: "  # begins the columns of `arena.scores`

Cell = Callable[[dict[Any, Any]], Text]


def console() -> Console:
    """Return where tables go; a pipe is as wide as the widest table."""
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 10_000
    return Console(width=wide, highlight=False)


def show(board: "Board", out: Console, *, heading: str | None = None) -> None:
    """Print a board: what was counted, the table, and how far to trust it."""
    out.print()
    shown = one_line(heading or board.source)
    out.print(Text.assemble((shown, "bold"), "   ", (one_line(_counted(board)), "dim")))
    table = _table(_columns(board), out.width)
    out.print(table)
    wide = max(min(out.width, out.measure(table).maximum), NARROW)
    for line in _remarks(board):
        out.print(Padding(line, (0, 1)), width=wide)
    out.print()


def _counted(board: "Board") -> str:
    from arena.votelog import listed  # noqa: PLC0415  # with the board, not before

    said = f"{numbered(board.votes, 'vote')} stored, {board.counted:,} counted"
    return f"{said}; set aside: {listed(dict(board.set_aside))}" if board.set_aside else said


def numbered(number: int, what: str) -> str:
    """Return how many there are of something, one without an s."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Column:
    """One column, or several that belong together, ready to be shown."""

    place: int  # from left to right
    heads: tuple[Text, ...]
    cells: Sequence[tuple[Text, ...]]
    right: bool = True

    @property
    def widths(self) -> list[int]:
        """How many cells each part takes."""
        lines = [self.heads, *self.cells]
        return [
            max(cell_len(line[part].plain) for line in lines) for part in range(len(self.heads))
        ]

    @property
    def width(self) -> int:
        """How many cells it takes with a space on either side of each part."""
        return sum(width + 2 for width in self.widths)


def _columns(board: "Board") -> list[Column]:
    """Return the columns in the order in which they are given up last when room is short."""
    rows, several = board.rows, has_groups(board)
    records = rows.to_dict("records")

    def column(where: int, head: Text, cell: Cell, *, left: bool = False) -> Column:
        return Column(where, (head,), [(cell(row),) for row in records], right=not left)

    axis = Axis(rows)
    counts = ("wins", "ties", "both_bad", "losses")
    return [
        column(1, Text("Rank"), lambda row: Text(place(row))),
        column(2, Text("Model"), lambda row: _model(row, several=several), left=True),
        column(3, Text("Rating"), lambda row: _split(row["rating"])),
        column(5, Text("95 % interval"), lambda row: _range(row["lower"], row["upper"])),
        column(7, Text("Elo, K = 16"), _elo),
        *([column(5, Text("Shrunk"), _shrunk)] if "shrunk" in rows else []),
        column(8, Text("Votes"), lambda row: Text(f"{row['votes']:,}")),
        column(11, Text("Win rate"), lambda row: Text(_number(100 * row["win_rate"], " %"))),
        *(_score(records, str(name)) for name in rows if str(name).startswith(SCORE)),
        column(4, axis.header(), axis.drawn, left=True),
        column(9, Text("won tied lost"), _bar, left=True),
        Column(
            10,
            tuple(Text(head) for head in ("Won", "Tied", "Bad", "Lost")),
            [tuple(Text(f"{row[name]:,}") for name in counts) for row in records],
        ),
        column(
            6, Text("these votes only"), lambda row: _range(row["lower_these"], row["upper_these"])
        ),
    ]


def _score(records: list[dict[Any, Any]], name: str) -> Column:
    cells = [(Text(_number(row[name], digits=3)),) for row in records]
    return Column(12, (Text(one_line(name.removeprefix(SCORE))),), cells)


def has_groups(board: "Board") -> bool:
    """Return whether places are counted within groups, so that each has to say in which."""
    return board.n_groups > 1 and board.settings["rank_by"] == "rating"


def _model(row: dict[Any, Any], *, several: bool) -> Text:
    group = f"  group {row['group']}" if several and row["group"] else ""
    return Text.assemble((one_line(row["model"]), "bold"), (group, "dim"))


def _table(columns: list[Column], width: int) -> Table:
    """Return as many columns as there is room for; a long name gives way before a column does."""
    model, kept = columns[1], columns[:3]
    give = max(model.widths[0] - SHORT, 0)
    for column in columns[3:]:
        if sum(each.width for each in [*kept, column]) - give <= width:
            kept.append(column)
    missing = max(sum(column.width for column in kept) - width, 0)
    kept.sort(key=attrgetter("place"))
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for column in kept:
        for head, wide in zip(column.heads, column.widths, strict=True):
            table.add_column(
                head,
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
                width=wide - min(missing, give) if column is model else wide,
            )
    for cells in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*(part for parts in cells for part in parts))
    return table


def place(row: dict[Any, Any]) -> str:
    """Return a model's place, as a range where neighbours cannot be told apart."""
    low, high = row["rank_low"], row["rank_high"]
    if _unknown(row["rank"]):
        return NONE
    if _unknown(low) or low == high:
        return f"{row['rank']:.0f}"
    return f"{low:.0f}{TO}{high:.0f}"


def _unknown(value: Any) -> bool:  # noqa: ANN401  # a cell of a frame
    return value is None or math.isnan(value)


def _number(value: float, unit: str = "", *, digits: int = 0) -> str:
    return NONE if _unknown(value) else f"{value:.{digits}f}{unit}"


def _split(value: float) -> Text:
    """Return a rating whose decimals stand back: they are there to be checked, not to be read."""
    if _unknown(value):
        return Text(NONE)
    whole, decimals = f"{value:.3f}".split(".")
    return Text.assemble((whole, "bold"), (f".{decimals}", "dim"))


def _range(lower: float, upper: float) -> Text:
    return Text(NONE if _unknown(lower) else f"{lower:.1f} to {upper:.1f}", "dim")


def _elo(row: dict[Any, Any]) -> Text:
    if _unknown(row["elo_low"]):
        return _split(row["elo"])
    half = (row["elo_high"] - row["elo_low"]) / 2
    return Text.assemble(_split(row["elo"]), (f" ±{half:<3.0f}", "dim"))


def _shrunk(row: dict[Any, Any]) -> Text:
    if _unknown(row["shrunk"]):
        return Text(NONE)
    half = SIDE * row["shrunk_error"]
    return Text.assemble(f"{row['shrunk']:.0f}", (f" ±{half:<3.0f}", "dim"))


def _bar(row: dict[Any, Any]) -> Text:
    if not row["votes"]:
        return Text("")
    won = round(BAR * row["wins"] / row["votes"])
    lost = min(round(BAR * row["losses"] / row["votes"]), BAR - won)
    tied = BAR - won - lost
    return Text.assemble(("█" * won, "green"), ("▒" * tied, "dim"), ("░" * lost, "yellow"))


class Axis:
    """One axis for all intervals of a table, from the lowest bound to the highest."""

    def __init__(self, rows: "pd.DataFrame") -> None:
        ends = rows[["lower", "upper", "rating"]].to_numpy(dtype="float64")
        known = ends[~(ends != ends)]  # noqa: PLR0124  # NaN is not itself
        low, high = (known.min(), known.max()) if len(known) else (900.0, 1100.0)
        self.low, self.span = float(low), max(float(high - low), 1.0)

    def _cell(self, value: float) -> int:
        share = (value - self.low) / self.span
        return round(min(max(share, 0.0), 1.0) * (AXIS - 1))

    def _ticks(self) -> Iterator[tuple[int, str]]:
        step = next(s for s in (25, 50, 100, 200, 500, 1000, 10**9) if self.span / s <= 4)  # noqa: PLR2004  # room for four
        tick = math.ceil(self.low / step) * step
        while tick <= self.low + self.span:
            yield self._cell(tick), str(tick)
            tick += step

    def header(self) -> Text:
        """Return the axis with its numbers."""
        line = [" "] * AXIS
        for cell, said in self._ticks():
            # whole, at either end: of 2000 the first three digits would be another number
            start = min(max(cell - len(said) // 2, 0), AXIS - len(said))
            line[start : start + len(said)] = said
        return Text("".join(line))

    def drawn(self, row: dict[Any, Any]) -> Text:
        """Return one model's interval, its rating as a point."""
        line = Text(" " * AXIS)
        cells = list(line.plain)
        for cell, _ in self._ticks():
            cells[cell] = "┊"
        if _unknown(row["rating"]):
            return Text("".join(cells), style="dim")
        if not _unknown(row["lower"]):
            first, last = self._cell(row["lower"]), self._cell(row["upper"])
            cells[first : last + 1] = "─" * (last + 1 - first)
        point = self._cell(row["rating"])
        cells[point] = "●"
        text = Text("".join(cells), style="dim")
        text.stylize("not dim bold", point, point + 1)
        return text


def _remarks(board: "Board") -> Iterator[Text]:
    from arena.web.board_judged import judged_said, swayed_said  # noqa: PLC0415  # brings the board

    yield Text(f"Interval: {board.interval}. ± at Elo: the order of the same votes alone.", "dim")
    found = board.agreement
    if found.items:
        items = numbered(found.items, "item")
        said = (
            f"Agreement of raters {found.tie_discounted:.5f}, tie-discounted "
            f"({found.chance:.3f} by chance), on {items} rated twice or more."
        )
        yield Text(said, "dim")
    for said in (*_redrawn(board), *judged_said(board), *swayed_said(board)):
        yield Text(one_line(said), "dim")
    for note in (board.made.warning, *board.notes):
        if note:
            yield Text.assemble(("! ", "yellow"), one_line(note))


def _redrawn(board: "Board") -> Iterator[str]:
    """Say how much wider Elo's band would be if the votes were redrawn as well."""
    rows = board.rows
    alone, both = (
        float((rows[f"elo_high{part}"] - rows[f"elo_low{part}"]).mean() / 2)
        for part in ("", "_all")
    )
    if board.counted > 1 and not _unknown(both) and f"{both:.0f}" != f"{alone:.0f}":
        yield f"With the luck of the votes too, ± at Elo is {both:.0f} on average, not {alone:.0f}."
