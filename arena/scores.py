"""Scores from elsewhere beside the ratings: one CSV with a column `model` and a column a score.

What a score means, or whether it should agree with people's votes, is not known here.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from pandas.errors import ParserWarning
from scipy.stats import spearmanr

from arena.errors import ConfigError, LogError

if TYPE_CHECKING:
    from arena.board import Board

PREFIX: Final = "score: "  # so that a score named "votes" is not taken for ours
_ENOUGH: Final = 3  # models that a rank correlation needs to say anything


def read_scores(path: Path) -> pd.DataFrame:
    """Return scores by model.

    Raises
    ------
    ConfigError
        If there is no such file.
    LogError
        If it is no CSV, or has no column `model`, a model twice, or no number.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file; check the path after --with.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ParserWarning)  # or entries without a name were dropped
            table = pd.read_csv(path, encoding="utf-8-sig", dtype=str, index_col=False)
    except ParserWarning as error:
        raise LogError(f"{path}: rows have more entries than the first line has names.") from error
    except ValueError as error:  # also what is no text, or no table
        why = str(error).strip()
        raise LogError(
            f"{path}: this is no CSV that can be read ({why}); save it as CSV in UTF-8."
        ) from error
    if "model" not in table:
        raise LogError(f"{path}: there is no column model; it names the model of each row.")
    table["model"] = table["model"].str.strip()
    twice = table["model"][table["model"].duplicated()]
    if len(twice):
        line = twice.index[0] + 2
        raise LogError(f"{path}: line {line}: the model {twice.iloc[0]!r} stands there twice.")
    scores = table.set_index("model").pipe(_numbers, path)
    if scores.columns.empty:
        raise LogError(f"{path}: there is no column of numbers beside model.")
    return scores.add_prefix(PREFIX)


def _numbers(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the columns of numbers; one that is words throughout is no score."""
    scores = {}
    for name, said in table.items():
        numbers = pd.to_numeric(said, errors="coerce")
        unread = np.flatnonzero(numbers.isna() & said.notna())
        if not len(unread):
            scores[str(name)] = numbers
        elif numbers.notna().any():
            row = int(unread[0])
            raise LogError(
                f"{path}: line {row + 2}: {name} is {said.iloc[row]!r}, no number; "
                "leave the entry empty where there is none."
            )
    return pd.DataFrame(scores, index=table.index)


def with_scores(board: "Board", scores: pd.DataFrame) -> "Board":
    """Return a board with scores beside the ratings, and a note on how far the two agree."""
    rows = board.rows.join(scores, on="model")
    notes = [_agreement(rows, str(name)) for name in scores]
    return replace(board, rows=rows, notes=(*board.notes, *notes))


def _agreement(rows: pd.DataFrame, name: str) -> str:
    both = rows[["rating", name]].dropna()
    said = name.removeprefix(PREFIX)
    if len(both) < _ENOUGH or both.nunique().min() < 2:  # noqa: PLR2004  # equal scores have no order
        return f"{said}: too few models with a score to compare it with the ratings."
    rho = float(spearmanr(both["rating"], both[name]).statistic)
    return f"{said}: rank correlation with the rating {rho:.2f} (Spearman) over {len(both)} models."
