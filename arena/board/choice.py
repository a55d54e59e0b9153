"""Which votes count together: of one study, aspect or language, by people, and blind.

What is then made of them is not known here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIVE: Final = ""  # the study of battles that belong to none

# Votes of these kinds count only where no person voted, and then the board says whose they are.
OTHERS: Final = {"simulated": "by simulated raters", "model": "by model judges"}


@dataclass(frozen=True)
class Choice:
    """Which votes a board is about; None leaves the choice open, an empty study is live battles."""

    study: str | None = None
    aspect: str | None = None
    language: str | None = None

    def of(self, log: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `log` that the choice is about."""
        keep = np.ones(len(log), dtype=np.bool_)
        for name, value in self.named().items():
            keep &= _says(log[name], value, unless_said=name == "study" and value == LIVE)
        return log if keep.all() else log[keep]

    def named(self) -> dict[str, str]:
        """Return the choices that were made."""
        chosen = {"study": self.study, "aspect": self.aspect, "language": self.language}
        return {name: value for name, value in chosen.items() if value is not None}


def counting(votes: pd.DataFrame) -> tuple[pd.DataFrame, str, dict[str, int]]:
    """Return the votes that count together, whose they are, and why the others do not."""
    blind = votes["anony"].fillna(value=True).to_numpy(dtype=np.bool_)
    of_kind = {
        kind: blind & _says(votes["rater_kind"], kind, unless_said=kind == "human")
        for kind in ("human", *OTHERS)
    }
    present = [kind for kind, rows in of_kind.items() if rows.any()]
    raters = present[0] if present else "human"
    left_out = {OTHERS[kind]: int(of_kind[kind].sum()) for kind in present[1:]}
    if not blind.all():
        left_out["with the names shown"] = int((~blind).sum())
    own = of_kind[raters]
    return votes if own.all() else votes[own], raters, left_out


def _says(column: "pd.Series[str]", value: str, *, unless_said: bool) -> "NDArray[np.bool_]":
    """Return which rows have a value; with `unless_said`, also those that say nothing."""
    rows = (column == value).fillna(value=False).to_numpy(dtype=np.bool_)
    return rows | column.isna().to_numpy() if unless_said else rows
