"""Items that two or more raters judged, with the seats undone.

This module does not know what is computed from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.columns import Labels, run_starts
from ratings.votes import BOTH_BAD, SCORES, Votes

BAD_STANCE: Final = 3  # column of both-bad votes in a tally
_ITEMS: Final = 100_000  # taken at once


@dataclass(frozen=True, eq=False)
class Overlap:
    """Votes on the items that two or more raters judged, by item and then by rater.

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

    def whole_items(self) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """Yield the votes a good many items at a time, which bounds the memory.

        Yields
        ------
        rows : slice
            Votes of some items, all of each.
        ends : ndarray of shape (n_items + 1,)
            Where each item begins among these votes, and the end of the last.
        """
        ends = np.append(0, np.cumsum(self.tallies.sum(axis=1))).astype(np.int64)
        for first in range(0, len(self.tallies), _ITEMS):
            own = ends[first : first + _ITEMS + 1]
            yield slice(own[0], own[-1]), own - own[0]


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
    rows, rater = _first_votes(votes)
    voters = np.diff(run_starts(votes.items[rows]), append=len(rows))
    several = voters > 1
    keep = np.repeat(several, voters)
    rows, rater, voters = rows[keep], rater[keep], voters[several]
    item = np.repeat(np.arange(len(voters)), voters)
    first = np.minimum.reduceat(rows, np.cumsum(voters) - voters)  # vote on each item
    question = _code_of(votes.question, first)
    own = question.max(initial=0) + 1 + np.arange(len(first))
    stance = stances(votes)[rows]
    return Overlap(
        item,
        rater,
        stance,
        _tallies(item, stance, votes.outcome[rows] == BOTH_BAD, len(first)),
        np.where(question < 0, own, question),
        _code_of(votes.aspect, first),
    )


def _first_votes(votes: Votes) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the first vote of each rater on each item, by item and then by rater, and the rater.

    Both are sorted as one number: a hash table of as many takes several times the memory and time.
    """
    if votes.rater is None:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.int32)
    rater = votes.rater.codes
    rows = np.flatnonzero((votes.items >= 0) & (rater >= 0))
    judged = votes.items[rows]
    judged *= len(votes.rater.names)
    judged += rater[rows]
    order = np.argsort(judged, kind="stable")
    rows = rows[order[run_starts(judged[order])]]
    return rows, rater[rows].astype(np.int32, copy=False)


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
