"""What a heat map shows: its limits, its cells, and the figure that plotly draws in a page.

Where the numbers come from, and how files are made, is not known here.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arena.board import Heat, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Cells with fewer votes are drawn paler: their win rates are uncertain by 18 points and more, and
# even a pair that is 21 points off stands out in one of ten cases only.
FEW_VOTES: Final = 20
WRITTEN: Final = 24  # with more models than this the cells are too small for numbers
RESIDUAL_SPAN: Final = 0.3  # differences beyond 30 points share the strongest colour

TITLES: Final[dict[Kind, str]] = {
    "actual": "Actual win rate",
    "predicted": "Win rate predicted from ratings",
    "residual": "Actual less predicted win rate, in points",
}
OUTLINED: Final = "Outlined: no luck, at a false discovery rate of 5 %."

# What is said at the pointer, in plotly's own language; the cells' own data are row model, column
# model, votes, and the number as it is written.
HOVERS: Final[dict[Kind, str]] = {
    "actual": "<b>%{customdata[0]}</b> against %{customdata[1]}<br>"
    "wins %{customdata[3]} % of %{customdata[2]} votes, ties half",
    "predicted": "<b>%{customdata[0]}</b> against %{customdata[1]}<br>"
    "should win %{customdata[3]} %, %{customdata[2]} votes",
    "residual": "<b>%{customdata[0]}</b> against %{customdata[1]}<br>"
    "%{customdata[3]} points, %{customdata[2]} votes",
}


def limits(kind: Kind) -> tuple[float, float]:
    """Return the values at the two ends of the colours; the middle is evenhanded."""
    return (-RESIDUAL_SPAN, RESIDUAL_SPAN) if kind == "residual" else (0.0, 1.0)


def cell_texts(heat: Heat) -> list[list[str]]:
    """Return what stands in the cells: per cent, or points with their sign; nothing if unknown."""
    sign = "+" if heat.kind == "residual" else ""
    return [
        ["" if np.isnan(value) else f"{value:{sign}.0f}" if value else "0" for value in row]
        for row in np.round(100 * heat.cells)
    ]


def paleness(heat: Heat) -> "NDArray[np.float64]":
    """Return how far each cell fades, from 0 with enough votes to 1 without any."""
    if heat.kind == "predicted":  # a prediction needs no votes of its own
        return np.zeros(heat.cells.shape)
    return np.asarray(1.0 - np.minimum(heat.votes / FEW_VOTES, 1.0))


def legend(heat: Heat) -> list[str]:
    """Return what has to be said of the cells that this heat map has."""
    said = []
    if paleness(heat)[~np.isnan(heat.cells)].any():
        said.append(f"Pale: fewer than {FEW_VOTES} votes.")
    if heat.stands_out.any():
        said.append(OUTLINED)
    return said


def outlined(heat: Heat) -> list[tuple[int, int]]:
    """Return row and column of the cells that stand out."""
    return [(int(row), int(column)) for row, column in np.argwhere(heat.stands_out)]


def figure(heat: Heat, *, hover: str | None = None) -> dict[str, Any]:
    """Return a heat map as plotly has it, without colours: the page sets them for day and night.

    `hover` is what is said at the pointer, as `HOVERS` has it.
    """
    low, high = limits(heat.kind)
    values = [[None if np.isnan(value) else float(value) for value in row] for row in heat.cells]
    small = len(heat.models) > WRITTEN
    cells: dict[str, Any] = {
        "type": "heatmap",
        "x": list(heat.models),
        "y": list(heat.models),
        "z": values,
        "zmin": low,
        "zmax": high,
        "xgap": 1 if small else 3,
        "ygap": 1 if small else 3,
        "showscale": False,
        "hoverongaps": False,
        "customdata": heat.votes.astype(int).tolist(),
        "text": cell_texts(heat),
        "hovertemplate": f"{hover or HOVERS[heat.kind]}<extra></extra>",
    }
    if not small:
        cells["texttemplate"] = "%{text}"
    return {
        "kind": heat.kind,
        "cells": cells,
        "pale": paleness(heat).round(3).tolist(),
        "outlined": outlined(heat),
    }


def plotly_script() -> Path:
    """Return where the installed plotly keeps the script that browsers run."""
    import plotly  # noqa: PLC0415  # slow to import

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def in_script(value: Any) -> str:  # noqa: ANN401  # anything that JSON can say
    """Return a value as JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def drawing() -> str:
    """Return our script that draws figures in the colours of the page, by day and by night."""
    return (Path(__file__).parent / "heat.js").read_text(encoding="utf-8")
