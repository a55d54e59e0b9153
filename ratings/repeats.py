"""Raters against themselves: the same item shown twice.

How far a rater repeats an outcome, above all with the seats swapped, is the ceiling for agreement
between raters: no arena on the same items can exceed it. The figures are those of
`ratings.agreement` between the votes of one rater on one item; they come from tallies, so that a
rater who voted very often on one item costs no more than others.

This module does not know what other raters said.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.coefficients import (
    CREDIT,
    credit_of_items,
    exact_of_items,
    item_weights,
    mean_of,
    three_outcomes,
)
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
    rater, seats = _repeated_items(votes)
    tallies = seats.sum(axis=1)
    swapped_pairs = seats.sum(axis=2).prod(axis=1)
    kept_pairs = item_weights(tallies, "pair") - swapped_pairs
    swapped = _credit(seats[:, 0], seats[:, 1])
    # each with each, less each with itself, is every pair twice
    kept = sum(_credit(own, own) - own.sum() for own in seats.swapaxes(0, 1)) / 2.0
    items = pd.DataFrame(
        {
            "rater": rater,
            "repeats": 1,
            "tie_discounted": credit_of_items(tallies),
            "exact": exact_of_items(three_outcomes(tallies)),
            "swapped_pairs": swapped_pairs.astype(np.int64),
            "kept_pairs": kept_pairs.astype(np.int64),
        }
    )
    how = dict.fromkeys(items.columns[1:], "sum") | {"tie_discounted": "mean", "exact": "mean"}
    return SelfAgreement(
        tie_discounted=mean_of(items["tie_discounted"].to_numpy(dtype=np.float64)),
        exact=mean_of(items["exact"].to_numpy(dtype=np.float64)),
        swapped=_share(swapped, swapped_pairs.sum()),
        kept=_share(kept, kept_pairs.sum()),
        repeats=len(items),
        by_rater=named(items.groupby("rater").agg(how).reset_index(), votes),
    )


def _repeated_items(votes: Votes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return who judged an item twice or more, and the tallies of those votes by seat.

    Returns
    -------
    rater : ndarray of shape (n_repeats,)
        Codes, in order.
    tallies : ndarray of shape (n_repeats, 2, 4)
        By who sat on seat A, as `ratings.coefficients` takes them.
    """
    rater = np.full(len(votes), -1) if votes.rater is None else votes.rater.codes
    table = pd.DataFrame({"rater": rater, "item": votes.items})
    known = (table["rater"] >= 0) & (table["item"] >= 0)
    rows = np.flatnonzero(known & table.duplicated(keep=False))
    judged = rater[rows].astype(np.int64) * (votes.items.max(initial=0) + 1) + votes.items[rows]
    _, first, place = np.unique(judged, return_index=True, return_inverse=True)
    seat = (votes.a < votes.b)[rows]
    column = 1 - stances(votes)[rows].astype(np.int64)
    tallies = np.bincount((place * 2 + seat) * 4 + column, minlength=len(first) * 8)
    return rater[rows][first].astype(np.int64), tallies.reshape(-1, 2, 4).astype(np.float64)


def _credit(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return what all votes of one tally and all of another earn together, over all items."""
    return float(((three_outcomes(one) @ CREDIT) * three_outcomes(other)).sum())


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
