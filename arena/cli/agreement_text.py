"""The agreement of raters as a terminal, a program or a paper reads it.

Beside the raters' agreement with each other stand that with themselves, how much more would be
needed for a narrow interval, and model judges. How any of it is found is not known here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from arena.cli.board_table import NONE, console, numbered
from arena.cli.board_text import as_json
from arena.cli.oneline import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from ratings.agreement import Agreement
    from ratings.judges import JudgeAgreement
    from ratings.repeats import SelfAgreement

FIGURES: Final = (
    *("tie_discounted", "lower", "upper", "exact", "exact_four", "chance", "kappa", "alpha", "ac2"),
    *("items", "rater_pairs", "tie_rate"),
)
_MEANS: Final = {
    "tie_discounted": "same outcome 1, exactly one tie 0.5, else 0; both bad read as tie",
    "lower": "lower end of its 95 % interval, from redrawn questions",
    "upper": "upper end",
    "exact": "share of equal outcomes among three",
    "exact_four": "the same with both bad as a fourth outcome",
    "chance": "tie-discounted agreement that chance alone would give",
    "kappa": "above chance, as a share of what chance leaves",
    "alpha": "Krippendorff's alpha for ordered outcomes",
    "ac2": "Gwet's AC2, which a lopsided share of ties moves less",
    "items": "items with two or more raters",
    "rater_pairs": "pairs of votes on them",
    "tie_rate": "share of ties among their votes",
    "self_agreement": "raters with themselves on repeated items",
    "self_swapped": "the same where the seats were swapped: the ceiling of the first line",
    "self_kept": "the same in the same seats: no ceiling, as rows that stand twice agree too",
    "repeats": "items that a rater judged twice or more, summed over raters",
    "items_needed": "items for an interval of 3 points either side, as many a question as now",
    "questions_needed": "questions that these would be on",
}
_SHOWN_PAIRS: Final = 10  # raters' pairs in a terminal; the JSON has all


def print_agreement(
    found: "Agreement",
    repeated: "SelfAgreement",
    judges: Sequence["JudgeAgreement"],
    form: str,
    *,
    source: str,
) -> None:
    """Print the agreement in one of the formats of tables."""
    figures = _figures(found, repeated)
    if form == "json":
        typer.echo(as_json(_parts(found, repeated, judges, figures)))
    elif form == "csv":
        typer.echo(",".join(figures))
        typer.echo(",".join("" if v is None else str(v) for v in figures.values()))
    elif form == "latex":
        rows = [rf"{_latex(name)} & {_said(value)} \\" for name, value in figures.items()]
        lines = [r"\begin{tabular}{lr}", r"\toprule", *rows, r"\bottomrule", r"\end{tabular}"]
        typer.echo("\n".join([*(f"% {note}" for note in _notes(found)), *lines]))
    else:
        _show(found, figures, judges, source)


def _figures(found: "Agreement", repeated: "SelfAgreement") -> dict[str, Any]:
    from arena.board import plain  # noqa: PLC0415  # brings pandas and scipy

    items, questions = found.needed()
    figures = {name: getattr(found, name) for name in FIGURES}
    figures["self_agreement"] = repeated.tie_discounted
    figures["self_swapped"] = repeated.swapped
    figures["self_kept"] = repeated.kept
    figures["repeats"] = repeated.repeats
    figures |= {"items_needed": items, "questions_needed": questions}
    return {name: plain(value) for name, value in figures.items()}


def _notes(found: "Agreement") -> list[str]:
    """Return what a reader must know before believing an interval."""
    from ratings.clusters import FEWEST_QUESTIONS  # noqa: PLC0415  # brings pandas and scipy

    if not 1 < found.questions < FEWEST_QUESTIONS:
        return []
    return [
        (
            f"The interval is from {found.questions} questions only and too narrow: it takes "
            f"{FEWEST_QUESTIONS} or more. The items and questions needed may be more than it says."
        )
    ]


def _parts(
    found: "Agreement",
    repeated: "SelfAgreement",
    judges: Sequence["JudgeAgreement"],
    figures: dict[str, Any],
) -> dict[str, Any]:
    """Return all that a program is told: figures, tables, judges and settings."""
    from arena.board import plain  # noqa: PLC0415  # brings pandas and scipy
    from ratings.agreement import HALF_WIDTH  # noqa: PLC0415

    tables = ("by_rater_pair", "by_rater", "by_aspect")
    return {
        **figures,
        **{name: plain(getattr(found, name)) for name in tables},
        "weighting": {
            "item": figures["tie_discounted"],
            "pair": plain(found.by_pairs),
            "annotation": plain(found.by_annotations),
        },
        "self_by_rater": plain(repeated.by_rater),
        "judges": [plain(vars(judge)) for judge in judges],
        "notes": _notes(found),
        "settings": {"rounds": found.rounds, "seed": found.seed, "half_width": HALF_WIDTH},
    }


def _latex(name: str) -> str:
    return name.replace("_", " ")


def _said(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:.5f}"


def _show(
    found: "Agreement", figures: dict[str, Any], judges: Sequence["JudgeAgreement"], source: str
) -> None:
    out = console()
    out.print()
    out.print(Text.assemble((one_line(source), "bold"), ("   agreement of raters", "dim")))
    if not found.items:
        out.print("No item was judged by two raters, so nothing can be said of their agreement.\n")
    if not (found.items or figures["repeats"]):
        _show_judges(judges, out)
        return
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, value in figures.items():
        if value is None:
            continue
        style = "bold" if name == "tie_discounted" else ""
        table.add_row(
            Text(_latex(name), style), Text(_said(value), style), Text(_MEANS[name], "dim")
        )
    out.print(table)
    _show_parts(found, out)
    _show_judges(judges, out)
    for note in _notes(found):
        out.print(Text.assemble(("! ", "yellow"), note), width=max(min(out.width, 130), 60))
    out.print()


def _show_parts(found: "Agreement", out: "Console") -> None:
    """Show the agreement on each aspect, and of each two raters."""
    from ratings.clusters import FEWEST_QUESTIONS  # noqa: PLC0415  # brings pandas and scipy

    for title, frame in (("aspect", found.by_aspect), ("rater pair", found.by_rater_pair)):
        if len(frame):
            part = frame.sort_values("items", ascending=False).head(_SHOWN_PAIRS)
            out.print(_frame(part))
            if title == "aspect":
                said = f" an interval from fewer than {FEWEST_QUESTIONS} questions is too narrow"
                out.print(Text(said, "dim"))
            if len(frame) > len(part):
                left = len(frame) - len(part)
                out.print(Text(f" and {left:,} more by {title}; --format json has all", "dim"))


def _show_judges(judges: Sequence["JudgeAgreement"], out: "Console") -> None:
    """Say of each model judge how it compares with one more person."""
    for judge in judges:
        said = (
            f"agrees with people by {judge.tie_discounted:.3f} "
            f"({judge.lower:.3f} to {judge.upper:.3f}) on {numbered(judge.items, 'item')}"
        )
        if judge.paired_items:
            said += (
                f"; people with each other by {judge.people:.3f} on {judge.paired_items:,} of them."
                f" Its deficit is {judge.deficit:.3f} ({judge.deficit_lower:.3f} to "
                f"{judge.deficit_upper:.3f}), {_verdict(judge)}"
            )
        shown = f"The judge {one_line(judge.judge)} " + f"{said}.".replace("nan", NONE)
        out.print(Text(shown), width=max(min(out.width, 130), 60))


def _verdict(judge: "JudgeAgreement") -> str:
    """Say what follows from a deficit; the interval of few questions is too narrow to."""
    from ratings.clusters import FEWEST_QUESTIONS  # noqa: PLC0415  # brings pandas and scipy

    if judge.paired_questions < FEWEST_QUESTIONS:
        few = numbered(judge.paired_questions, "question")
        return f"which may be luck: from {few} nobody can tell, it takes {FEWEST_QUESTIONS} or more"
    if judge.deficit_upper < 0:
        return "it agrees better than they do"
    return "more than luck" if judge.deficit_lower > 0 else "which may be luck"


def _frame(frame: Any) -> Table:  # noqa: ANN401  # pandas is not imported here
    table = Table(box=None, header_style="dim", padding=(0, 1))
    for name in frame:
        text = frame[name].dtype == object or str(frame[name].dtype) == "str"
        table.add_column(_latex(str(name)), justify="left" if text else "right")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(one_line(v) if isinstance(v, str) else _cell(v)) for v in row))
    return table


def _cell(value: Any) -> str:  # noqa: ANN401  # a number of a frame
    whole = float(value).is_integer() and not isinstance(value, float)
    return f"{value:,}" if whole else f"{value:.3f}"
