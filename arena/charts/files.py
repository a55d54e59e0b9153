"""Heat maps in files: images by matplotlib, a page by plotly, numbers as CSV.

Equal boards give equal bytes: no date, no program, no random ids. What a heat map shows is
decided in `arena.charts.heat`.
"""

import csv
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from arena.board import Heat
from arena.charts.heat import (
    TITLES,
    WRITTEN,
    cell_texts,
    drawing,
    figure,
    in_script,
    legend,
    limits,
    outlined,
    paleness,
    plotly_script,
)
from arena.errors import ConfigError
from arena.formats.outputs import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Green and grey-brown, not the seats' blue and orange: a heat map says nothing about seats.
HIGH: Final = "#3b6f4f"
LOW: Final = "#9a8f7a"
PAPER: Final = "#ffffff"
INK: Final = "#1b1f24"
PAD: Final = 0.15  # inches around the drawing
EMPTY: Final = "#f1efe9"  # a pair that never met
FADED: Final = 0.75  # of its colour, what a cell without votes would lose
EDGE: Final = 0.46  # of a cell, from its middle to the outline


def write_heat(heat: Heat, path: Path) -> None:
    """Write a heat map; the ending of `path` says as what.

    Raises
    ------
    ConfigError
        If we do not write such files, or `path` is a folder.
    LogError
        If this one cannot be written.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        listed = ", ".join(_WRITERS)
        raise ConfigError(f"{path}: the ending says no format that we draw; use one of {listed}.")
    write_whole(path, lambda part: writer(heat, part))


def _write_csv(heat: Heat, path: Path) -> None:
    """Write the cells, then the votes of each pair, then which pairs stand out."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        beside = [f"{what}: {name}" for what in ("votes", "stands out") for name in heat.models]
        table.writerow(["model", *heat.models, *beside])
        for model, *parts in zip(heat.models, heat.cells, heat.votes, heat.stands_out, strict=True):
            values, votes, stands_out = parts
            cells = ["" if np.isnan(value) else repr(float(value)) for value in values]
            counts = [str(int(number)) for number in votes]
            table.writerow([model, *cells, *counts, *(str(int(one)) for one in stands_out)])


def _write_image(kind: str, metadata: dict[str, None]) -> Callable[[Heat, Path], None]:
    """Return a writer of one kind of image that notes neither the time nor the program."""

    def write(heat: Heat, path: Path) -> None:
        from matplotlib import rc_context  # noqa: PLC0415  # slow to import

        with rc_context({"svg.hashsalt": "evenhand", "font.family": _fonts()}):
            _drawn(heat).savefig(path, format=kind, dpi=150, metadata=metadata)

    return write


def _fonts() -> list[str]:
    """Return fonts that this machine has, with one for Chinese model names if possible."""
    from matplotlib.font_manager import fontManager  # noqa: PLC0415  # slow to import

    wanted = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei")
    have = set(fontManager.get_font_names())
    return [name for name in wanted if name in have]


def _drawn(heat: Heat) -> "Figure":
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415  # slow to import
    from matplotlib.colors import LinearSegmentedColormap, Normalize  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415  # no window, no global state
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    size = len(heat.models)
    side = max(4.2, 0.42 * size + 2.4)  # inches: a cell holds two digits
    figure = Figure(
        figsize=(side + 0.6, side), layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD)
    )
    axes = figure.add_subplot()
    colours = LinearSegmentedColormap.from_list("evenhand", [LOW, PAPER, HIGH], bad=EMPTY)
    low, high = limits(heat.kind)
    faded = np.where(np.isnan(heat.cells), 1.0, 1.0 - FADED * paleness(heat))
    axes.imshow(heat.cells, cmap=colours, vmin=low, vmax=high, alpha=faded)
    _label(axes, heat)
    for row, column in outlined(heat):
        axes.add_patch(
            Rectangle((column - EDGE, row - EDGE), 2 * EDGE, 2 * EDGE, fill=False, edgecolor=INK)
        )
    scale = ScalarMappable(Normalize(low, high), colours)  # the image's own would fade with it
    bar = figure.colorbar(scale, ax=axes, shrink=0.6)
    bar.outline.set_visible(False)
    ticks = np.linspace(low, high, 5)
    sign = "+" if heat.kind == "residual" else ""
    unit = "" if heat.kind == "residual" else " %"
    bar.set_ticks(list(ticks), labels=[f"{100 * tick:{sign}.0f}{unit}" for tick in ticks])
    return figure


def _label(axes: "Axes", heat: Heat) -> None:
    size = len(heat.models)
    axes.set_title(TITLES[heat.kind], loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlabel("\n".join(["against", *legend(heat)]))
    small = 9 if size <= WRITTEN else 6
    axes.set_xticks(range(size), heat.models, rotation=90, fontsize=small)
    axes.set_yticks(range(size), heat.models, fontsize=small)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=PAPER, linewidth=2)
    axes.tick_params(which="minor", length=0)
    if size > WRITTEN:
        return
    for row, texts in enumerate(cell_texts(heat)):
        for column, text in enumerate(texts):
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=INK)


def _write_page(heat: Heat, path: Path) -> None:
    page = (Path(__file__).parent / "heat.html").read_text(encoding="utf-8")
    parts = {
        "title": escape(TITLES[heat.kind]),
        "plotly": plotly_script().read_text(encoding="utf-8"),
        "drawing": drawing(),
        "figure": in_script(figure(heat)),
        "legend": escape(" ".join(legend(heat))),
    }
    for name, part in parts.items():
        page = page.replace("{{ " + name + " }}", part)
    path.write_text(page, encoding="utf-8")


_WRITERS: Final[dict[str, Callable[[Heat, Path], None]]] = {
    ".html": _write_page,
    ".png": _write_image("png", {"Software": None}),
    ".svg": _write_image("svg", {"Date": None, "Creator": None}),
    ".pdf": _write_image("pdf", {"CreationDate": None, "Creator": None, "Producer": None}),
    ".csv": _write_csv,
}
