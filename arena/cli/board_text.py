"""A board for programs and papers: CSV, JSON and LaTeX.

Where the figures come from is not known here.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from arena.cli.board_table import SCORE, TO, has_groups, numbered, place
from arena.cli.oneline import one_line

if TYPE_CHECKING:
    import pandas as pd

    from arena.board import Board

_LATIN: Final = 0x17F  # the last letter that pdflatex sets with the fonts of most documents
_LATEX: Final = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def as_json(value: Any) -> str:  # noqa: ANN401  # anything that JSON can say
    """Return a value as JSON that a person can read too."""
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)


def as_csv(boards: Mapping[str, "Board"], *, by: str | None) -> str:
    """Return one or more boards as CSV; with `by`, its value stands first in each row."""
    import pandas as pd  # noqa: PLC0415  # takes its time

    parts = []
    for value, board in boards.items():
        rows = table_rows(board)
        if by is not None:
            rows.insert(0, by, value)
        parts.append(rows)
    text: str = pd.concat(parts).to_csv(index=False, lineterminator="\n")
    return text


def table_rows(board: "Board") -> "pd.DataFrame":
    """Return the rows with the columns that the public face promises, and scores after them."""
    rows = board.table
    return rows.rename(columns={name: str(name).removeprefix(SCORE) for name in rows})


def as_latex(board: "Board", *, heading: str) -> str:
    """Return a board as a table for the packages booktabs and siunitx-free LaTeX."""
    head = r"Rank & Model & Rating & 95\,\% interval & Elo & Votes & W / T / B / L & Win rate"
    shown = one_line(heading or board.source)  # a line's end would end the comment
    lines = [f"% {shown}: {numbered(board.votes, 'vote')}, {board.counted:,} counted"]
    if any(ord(letter) > _LATIN for name in board.rows["model"] for letter in str(name)):
        lines.append("% names beyond the Latin alphabet: compile with xelatex or lualatex")
    lines += [f"% interval: {board.interval}", r"\begin{tabular}{rlrcrrcr}", r"\toprule"]
    lines += [rf"{head} \\", r"\midrule"]
    several, before = has_groups(board), None
    for row in board.rows.to_dict("records"):
        if several and row["group"] != before:
            lines += [] if before is None else [r"\midrule"]
            lines += [_group_line(row["group"], head.count("&") + 1)]
            before = row["group"]
        lines.append(_latex_row(row))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _group_line(group: int, columns: int) -> str:
    """Return the line above models that are compared only among themselves."""
    said = f"Group {group}: ranked only among themselves" if group else "Not comparable"
    return rf"\multicolumn{{{columns}}}{{l}}{{\emph{{{said}}}}} \\"


def _latex_row(row: dict[Any, Any]) -> str:
    known = row["rating"] == row["rating"]  # NaN is not itself
    interval = f"[{row['lower']:.0f}, {row['upper']:.0f}]" if known else "--"
    cells = [
        place(row).replace(TO, "--"),
        "".join(_LATEX.get(letter, letter) for letter in row["model"]),
        f"{row['rating']:.0f}" if known else "--",
        interval if "nan" not in interval else "--",
        f"{row['elo']:.0f}",
        str(row["votes"]),
        " / ".join(str(row[name]) for name in ("wins", "ties", "both_bad", "losses")),
        rf"{100 * row['win_rate']:.1f}\,\%",
    ]
    return " & ".join(cells) + r" \\"
