"""What can be taken home from a leaderboard: the table, and the votes it was made of.

The votes leave without prompts, responses, times and names of raters: enough to make the same
table again, too little to find out who asked what.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from arena.board import ROW_COLUMNS, Board
from arena.charts.heat import in_script
from arena.formats import write_votes

if TYPE_CHECKING:
    import pandas as pd

_KEPT: Final = (
    *("model_a", "model_b", "winner", "turn", "anony", "language", "seq", "aspect"),
    *("rater_kind", "quantization_a", "quantization_b"),
)
_NUMBERED: Final = {"question_id": "question", "judge": "rater", "item_id": "item"}


def table_csv(board: Board) -> bytes:
    """Return the table as CSV."""
    rows = board.table[list(ROW_COLUMNS)]
    return str(rows.to_csv(index=False, lineterminator="\n")).encode()


def table_json(board: Board) -> bytes:
    """Return the table as the command line prints it, without the place of the database."""
    return in_script({**board.to_dict(), "source": "live battles"}).encode() + b"\n"


def votes_file(votes: "pd.DataFrame", ending: str) -> bytes:
    """Return votes that count as a file of the given ending."""
    log = _stripped(votes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"votes{ending}"
        write_votes(log, path)
        return path.read_bytes()


def _stripped(log: "pd.DataFrame") -> "pd.DataFrame":
    """Return a log whose questions, items and raters are numbered in order of appearance."""
    import pandas as pd  # noqa: PLC0415  # takes its time

    kept = log[list(_KEPT)].copy()
    for column, name in _NUMBERED.items():
        numbers = pd.Series(pd.factorize(log[column])[0] + 1, index=log.index)
        named = name + "-" + numbers.astype("str")
        kept[column] = named.mask(numbers == 0)
    return kept.reindex(columns=[name for name in log.columns if name in kept])
