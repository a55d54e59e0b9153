"""The agreement of raters as a terminal, a program or a paper reads it."""

from typing import TYPE_CHECKING, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from arena.cli.board_table import NONE, console
from arena.cli.board_text import as_json

if TYPE_CHECKING:
    from ratings.agreement import Agreement

FIGURES: Final = (
    *("tie_discounted", "lower", "upper", "exact", "exact_four", "chance", "kappa", "alpha"),
    *("items", "rater_pairs", "tie_rate"),
)
_MEANS: Final = {
    "tie_discounted": "same outcome 1, exactly one tie 0.5, else 0; both bad read as tie",
    "lower": "lower end of its 95 % interval over questions",
    "upper": "upper end",
    "exact": "share of equal outcomes among three",
    "exact_four": "the same with both bad as a fourth outcome",
    "chance": "tie-discounted agreement that chance alone would give",
    "kappa": "above chance, as a share of what chance leaves",
    "alpha": "Krippendorff's alpha for ordered outcomes",
    "items": "items with two or more raters",
    "rater_pairs": "pairs of votes on them",
    "tie_rate": "share of ties among their votes",
}
_SHOWN_PAIRS: Final = 10  # raters' pairs in a terminal; the JSON has all


def print_agreement(found: "Agreement", form: str, *, source: str) -> None:
    """Print the agreement in one of the formats of tables."""
    from arena.board import plain  # noqa: PLC0415  # brings pandas and scipy

    figures: dict[str, Any] = {name: plain(getattr(found, name)) for name in FIGURES}
    if form == "json":
        parts = {name: plain(getattr(found, name)) for name in ("by_rater_pair", "by_aspect")}
        settings = {"rounds": found.rounds, "seed": found.seed}
        typer.echo(as_json({**figures, **parts, "settings": settings}))
    elif form == "csv":
        typer.echo(",".join(figures))
        typer.echo(",".join("" if v is None else str(v) for v in figures.values()))
    elif form == "latex":
        rows = [rf"{_latex(name)} & {_said(value)} \\" for name, value in figures.items()]
        lines = [r"\begin{tabular}{lr}", r"\toprule", *rows, r"\bottomrule", r"\end{tabular}"]
        typer.echo("\n".join(lines))
    else:
        _show(found, figures, source)


def _latex(name: str) -> str:
    return name.replace("_", " ")


def _said(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:.5f}"


def _show(found: "Agreement", figures: dict[str, Any], source: str) -> None:
    out = console()
    out.print()
    out.print(Text.assemble((source, "bold"), ("   agreement of raters", "dim")))
    if not found.items:
        out.print("No item was judged by two raters, so nothing can be said about agreement.\n")
        return
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, value in figures.items():
        style = "bold" if name == "tie_discounted" else ""
        table.add_row(
            Text(_latex(name), style), Text(_said(value), style), Text(_MEANS[name], "dim")
        )
    out.print(table)
    for title, frame in (("aspect", found.by_aspect), ("rater pair", found.by_rater_pair)):
        if len(frame):
            part = frame.sort_values("items", ascending=False).head(_SHOWN_PAIRS)
            out.print(_frame(part))
            if len(frame) > len(part):
                left = len(frame) - len(part)
                out.print(Text(f" and {left:,} more by {title}; --format json has all", "dim"))
    out.print()


def _frame(frame: Any) -> Table:  # noqa: ANN401  # pandas is not imported here
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in frame:
        text = frame[name].dtype == object or str(frame[name].dtype) == "str"
        table.add_column(_latex(str(name)), justify="left" if text else "right")
    for row in frame.itertuples(index=False):
        table.add_row(*(v if isinstance(v, str) else _cell(v) for v in row))
    return table


def _cell(value: Any) -> str:  # noqa: ANN401  # a number of a frame
    whole = float(value).is_integer() and not isinstance(value, float)
    return f"{value:,}" if whole else f"{value:.3f}"
