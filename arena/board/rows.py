"""What a board's rows may say: an order for models without a place, no certainty by accident.

How ratings and their intervals are computed is not known here.
"""

from typing import Final

import numpy as np
import pandas as pd

EXACT: Final = 1e-9  # points: no interval that votes can give is as narrow
MISSING: Final = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "nil"})
NO_INTERVAL: Final = "too few votes, or votes too much alike, for an interval."


def unrated_by_elo(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with those that have no place ordered by Elo, the best first."""
    unplaced = rows["rank"].isna().to_numpy()
    order = np.where(unplaced, -rows["elo"], np.arange(len(rows)))
    return rows.iloc[np.lexsort((order, unplaced))].reset_index(drop=True)


def perhaps_missing(rows: pd.DataFrame) -> list[str]:
    """Return a note on each model whose name looks like what programs write for no name."""
    named = zip(rows["model"], rows["votes"], strict=True)
    return [
        f"{votes:,} {'vote names' if votes == 1 else 'votes name'} a model {str(model)!r}: "
        "is a name missing?"
        for model, votes in named
        if str(model).strip().casefold() in MISSING
    ]


def sure_only(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows without intervals of no width, and a note on the models that lose theirs.

    Votes that fit the ratings exactly, as a single tie does, say nothing about chance.
    """
    rows, unsure = rows.copy(), np.zeros(len(rows), dtype=np.bool_)
    for ends in (["lower", "upper"], ["lower_these", "upper_these"]):
        empty = (rows[ends[1]] - rows[ends[0]] < EXACT).to_numpy()
        if empty.any():
            rows.loc[empty, ends] = np.nan
            unsure |= empty
    models = ", ".join(str(model) for model in rows["model"][unsure])
    return rows, (f"{models}: {NO_INTERVAL}",) if models else ()
