"""Raters against themselves: the same item shown twice.

How far a rater repeats an outcome, above all with the seats swapped, is the ceiling for agreement
between raters: no arena on the same items can exceed it. The figures are those of
`ratings.agreement` between the votes of one rater on one item.

This module does not know what other raters said.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ratings.coefficients import mean_of
from ratings.overlap import stances
from ratings.raters import named
from ratings.votes import Votes


@dataclass(frozen=True, eq=False)
class SelfAgreement:
    """Agreement of raters with themselves; `nan` without repeats.

    Attributes
    ----------
    tie_discounted, exact : float
        Means over the repeated items of every rater of the mean over their pairs of votes.
    swapped, kept : float
        ``tie_discounted`` of the pairs shown with the seats swapped, and with the seats kept.
    repeats : int
        Items a rater judged twice or more, summed over raters.
    by_rater : DataFrame
        ``rater, repeats, tie_discounted, exact, swapped_pairs, kept_pairs``.
    """

    tie_discounted: float
    exact: float
    swapped: float
    kept: float
    repeats: int
    by_rater: pd.DataFrame


def self_agreement(votes: Votes) -> SelfAgreement:
    """Measure how far raters repeat themselves.

    Parameters
    ----------
    votes : Votes
        With raters, and with questions or responses. A correction is no repeat: pass the votes
        in force.

    Examples
    --------
    >>> log = pd.DataFrame({"model_a": ["Gemma", "Qwen"], "model_b": ["Qwen", "Gemma"]})
    >>> log = log.assign(question_id="q1", judge="ann", winner="model_a")
    >>> self_agreement(Votes.from_frame(log)).swapped
    0.0
    """
    pairs = _repeated_pairs(votes)
    grouped = pairs.groupby(["rater", "item"])[["tie_discounted", "exact"]].mean()
    by_rater = grouped.groupby("rater").mean()
    by_rater.insert(0, "repeats", grouped.groupby("rater").size())
    by_rater["swapped_pairs"] = pairs.groupby("rater")["swapped"].sum().astype(np.int64)
    by_rater["kept_pairs"] = pairs.groupby("rater").size() - by_rater["swapped_pairs"]
    swapped = pairs["swapped"].to_numpy(dtype=np.bool_)
    credit = pairs["tie_discounted"].to_numpy(dtype=np.float64)
    return SelfAgreement(
        tie_discounted=mean_of(grouped["tie_discounted"].to_numpy(dtype=np.float64)),
        exact=mean_of(grouped["exact"].to_numpy(dtype=np.float64)),
        swapped=mean_of(credit[swapped]),
        kept=mean_of(credit[~swapped]),
        repeats=len(grouped),
        by_rater=named(by_rater.reset_index(), votes),
    )


def _repeated_pairs(votes: Votes) -> pd.DataFrame:
    """Return one row for each two votes of one rater on one item."""
    rater = np.full(len(votes), -1) if votes.rater is None else votes.rater.codes
    table = pd.DataFrame(
        {
            "rater": rater,
            "item": votes.items,
            "vote": np.arange(len(votes)),
            "stance": stances(votes).astype(np.int64),
            "seat": votes.a < votes.b,
        }
    )
    table = table[(table["rater"] >= 0) & (table["item"] >= 0)]
    table = table[table.duplicated(["rater", "item"], keep=False)]
    pairs = table.merge(table, on=["rater", "item"])
    pairs = pairs[pairs["vote_x"] < pairs["vote_y"]]
    gap = (pairs["stance_x"] - pairs["stance_y"]).abs()
    return pairs[["rater", "item"]].assign(
        tie_discounted=1.0 - gap / 2.0,
        exact=(gap == 0).astype(np.float64),
        swapped=pairs["seat_x"] != pairs["seat_y"],
    )
