"""Items that two or more raters judged, with the seats undone.

This module does not know what is computed from them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.columns import Labels
from ratings.votes import BOTH_BAD, SCORES, Votes

BAD_STANCE = 3  # column of both-bad votes in a tally


@dataclass(frozen=True, eq=False)
class VotePairs:
    """Every pair of votes on one item, by their raters and stances; shape (n_pairs,) each."""

    item: NDArray[np.intp]
    rater_1: NDArray[np.int32]
    rater_2: NDArray[np.int32]
    stance_1: NDArray[np.int8]
    stance_2: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Overlap:
    """Votes on the items that two or more raters judged, sorted by item.

    Attributes
    ----------
    item, rater, stance : ndarray of shape (n_votes,)
        The item (0 up), the rater's code, and 1 for the model of the lower code, 0 for a tie or
        both bad, -1 for the other model.
    tallies : ndarray of shape (n_items, 4)
        Votes for the model of the lower code, ties, votes for the other, both bad.
    question, aspect : ndarray of shape (n_items,)
        Codes, -1 where the log does not say; an item without a question is a question by itself.
    """

    item: NDArray[np.intp]
    rater: NDArray[np.int32]
    stance: NDArray[np.int8]
    tallies: NDArray[np.float64]
    question: NDArray[np.intp]
    aspect: NDArray[np.intp]

    def pairs(self) -> VotePairs:
        """Return every pair of votes on one item."""
        firsts, seconds = [], []
        most = int(self.tallies.sum(axis=1).max(initial=0))
        rows = np.arange(len(self.item))
        for apart in range(1, most):  # votes of one item stand side by side
            same = self.item[apart:] == self.item[:-apart]
            firsts.append(rows[:-apart][same])
            seconds.append(rows[apart:][same])
        first = np.concatenate([*firsts, rows[:0]])
        second = np.concatenate([*seconds, rows[:0]])
        return VotePairs(
            self.item[first],
            self.rater[first],
            self.rater[second],
            self.stance[first],
            self.stance[second],
        )


def stances(votes: Votes) -> NDArray[np.int8]:
    """Return what each vote says whichever way its item was shown.

    Returns
    -------
    ndarray of shape (n_votes,)
        1 for the model of the lower code, 0 for a tie or both bad, -1 for the other model.
    """
    for_a = 2.0 * SCORES[votes.outcome] - 1.0
    return np.where(votes.a < votes.b, for_a, -for_a).astype(np.int8)


def shared_items(votes: Votes) -> Overlap:
    """Collect the items with two or more raters; of a rater's votes on an item the first counts."""
    rater = np.full(len(votes), -1) if votes.rater is None else votes.rater.codes
    usable = np.flatnonzero((votes.items >= 0) & (rater >= 0))
    seen = pd.DataFrame({"item": votes.items[usable], "rater": rater[usable]})
    rows = usable[~seen.duplicated().to_numpy()]
    items = votes.items[rows]
    voters = np.bincount(items, minlength=1)
    rows = rows[voters[items] > 1]
    rows = rows[np.argsort(votes.items[rows], kind="stable")]
    item, _ = pd.factorize(votes.items[rows])
    first = np.flatnonzero(np.diff(item, prepend=-1))
    question = _code_of(votes.question, rows[first])
    own = question.max(initial=0) + 1 + np.arange(len(first))
    stance = stances(votes)[rows]
    return Overlap(
        item,
        rater[rows].astype(np.int32),
        stance,
        _tallies(item, stance, votes.outcome[rows] == BOTH_BAD, len(first)),
        np.where(question < 0, own, question),
        _code_of(votes.aspect, rows[first]),
    )


def _tallies(
    item: NDArray[np.intp], stance: NDArray[np.int8], bad: NDArray[np.bool_], n_items: int
) -> NDArray[np.float64]:
    column = np.where(bad, BAD_STANCE, 1 - stance.astype(np.intp))
    flat = np.bincount(item * 4 + column, minlength=n_items * 4)
    return flat.astype(np.float64).reshape(n_items, 4)


def _code_of(labels: Labels | None, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    if labels is None:
        return np.full(len(rows), -1, dtype=np.intp)
    return labels.codes[rows].astype(np.intp)
