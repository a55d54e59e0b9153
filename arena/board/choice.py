"""Which votes count together: of one study, aspect or language, by people, and blind.

What is then made of them is not known here.
"""

from dataclasses import dataclass
from typing import Final

import pandas as pd

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
        keep = pd.Series(data=True, index=log.index)
        if self.study is not None:
            keep &= log["study"].fillna(LIVE) == self.study
        for name in ("aspect", "language"):
            value = getattr(self, name)
            if value is not None:
                keep &= (log[name] == value).fillna(value=False).astype(bool)
        return log[keep]

    def named(self) -> dict[str, str]:
        """Return the choices that were made."""
        chosen = {"study": self.study, "aspect": self.aspect, "language": self.language}
        return {name: value for name, value in chosen.items() if value is not None}


def counting(votes: pd.DataFrame) -> tuple[pd.DataFrame, str, dict[str, int]]:
    """Return the votes that count together, whose they are, and why the others do not."""
    blind = votes["anony"].fillna(value=True).astype(bool)
    kinds = votes["rater_kind"].fillna("human")
    present = [kind for kind in ("human", *OTHERS) if (kinds[blind] == kind).any()]
    raters = present[0] if present else "human"
    left_out = {OTHERS[kind]: int((blind & (kinds == kind)).sum()) for kind in present[1:]}
    if not blind.all():
        left_out["with the names shown"] = int((~blind).sum())
    return votes[blind & (kinds == raters)].reset_index(drop=True), raters, left_out
