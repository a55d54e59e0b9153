"""What is said beside a leaderboard: what its numbers mean, and why some are missing.

A page may translate these sentences; this module does not know in which words.
"""

from typing import Final

import numpy as np

from ratings.bradley_terry import BradleyTerry
from ratings.intervals import Uncertainty
from ratings.rows import RankBy

_ROUNDING: Final = 1e-9  # of a width: equal ones are not narrower
_AMONG: Final[dict[RankBy, str]] = {
    "rating": "rated and ranked only among themselves.",
    # Elo moves all models on one scale, whether or not the votes can compare them
    "elo": "rated only among themselves; the ranks are by Elo, which has one scale for all.",
}


def interval_name(uncertainty: Uncertainty) -> str:
    """Return what an interval with this uncertainty means."""
    if uncertainty.kind == "clustered":
        return (
            "clustered: new questions and new raters, 95 %, t quantile with "
            f"{uncertainty.df:.0f} degrees of freedom"
        )
    return "sandwich: these votes only, 95 %"


def notes_on(
    fit: BradleyTerry, rank_by: RankBy, *, new: Uncertainty, these: Uncertainty, band: bool
) -> list[str]:
    """Return why numbers are missing, and where the wrong one of two intervals is the wider.

    Parameters
    ----------
    fit : BradleyTerry
        Ratings with the counts that made them.
    rank_by : {"rating", "elo"}
        What orders the models.
    new, these : Uncertainty
        For new questions and raters, and of these votes only.
    band : bool
        Whether there is a band of Elo.
    """
    n_votes = fit.counts.votes.sum()
    notes = [] if n_votes else ["There are no votes yet."]
    groups = fit.groups
    for model, reason in groups.reasons.items():
        notes.append(f"{fit.models[model]} {reason}: its rating cannot be estimated.")
    if groups.n_groups > 1:
        for group in range(groups.n_groups):
            names = [fit.models[m] for m in np.flatnonzero(groups.of_model == group)]
            notes.append(f"{_listed(names)} are {_AMONG[rank_by]}")
    notes += _narrower(new, these)
    if n_votes and not band:
        notes.append("The band of Elo over orders of the votes was left out.")
    return notes


def _narrower(new: Uncertainty, these: Uncertainty) -> list[str]:
    """Say of how many models the interval for a wider population came out as the narrower one."""
    narrower = new.quantile() * new.error < these.quantile() * these.error * (1.0 - _ROUNDING)
    if not narrower.any():
        return []
    said = (
        "The interval for new questions and raters came out narrower than that of these votes "
        f"alone for {narrower.sum()} of {len(narrower)} models; read the wider of the two."
    )
    return [said]


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
