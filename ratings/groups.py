"""Which models these votes can compare at all.

A Bradley-Terry rating is finite only within a set of models in which every model has a chain of
wins or ties to every other (Ford's condition). A model that won every vote, or lost every vote,
stands outside, and two sets that never met cannot be put on one scale. A tool that prints a
number all the same prints where its optimiser stopped.

This module does not know how ratings are computed.

References
----------
.. [1] L. R. Ford Jr., "Solution of a ranking problem from binary comparisons", The American
   Mathematical Monthly, 64(8), 1957.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ratings.counts import PairCounts

ALONE = -1  # the group of a model that can be compared with no other


@dataclass(frozen=True, eq=False)
class Groups:
    """Sets of models with a common scale.

    Attributes
    ----------
    of_model : ndarray of shape (n_models,)
        Group of each model: 0 is the largest; -1 is a model that stands alone.
    n_groups : int
        Number of groups of two or more models.
    reasons : dict of int to str
        For each model that stands alone, why it has no rating.
    """

    of_model: NDArray[np.intp]
    n_groups: int
    reasons: dict[int, str]

    @property
    def together(self) -> NDArray[np.bool_]:
        """Whether the row's and the column's model share a scale."""
        same = np.equal(self.of_model[:, None], self.of_model)
        return np.asarray(same & (self.of_model != ALONE), dtype=np.bool_)

    @property
    def apart(self) -> NDArray[np.bool_]:
        """Whether the row's and the column's model share no scale, or are one and the same."""
        return ~self.together | np.eye(len(self.of_model), dtype=np.bool_)


def comparable_groups(counts: PairCounts, *, ties_join: bool = True) -> Groups:
    """Split models into groups within which ratings exist.

    Parameters
    ----------
    counts : PairCounts
        Votes.
    ties_join : bool, default True
        Whether a tie links two models both ways, as it does where it is half a win for each. A
        model of ties explains a tie by its own parameter, so there only wins link.

    Returns
    -------
    Groups
        Strongly connected components of the graph that leads from each model to those it beat
        or tied with [1]_; larger ones first, then those with more votes.
    """
    points = counts.points if ties_join else counts.wins
    if _all_joined(points > 0):
        return Groups(np.zeros(len(points), dtype=np.intp), 1, {})
    _, component = connected_components(np.greater(points, 0), connection="strong")
    sizes = np.bincount(component, minlength=1)
    votes = np.bincount(component, weights=counts.votes.sum(axis=1), minlength=len(sizes))
    rank = np.lexsort((-votes, -sizes))
    place = np.full(len(sizes), ALONE, dtype=np.intp)
    shared = [number for number in rank if sizes[number] > 1]
    place[shared] = np.arange(len(shared))
    of_model = place[component] if len(points) else np.empty(0, dtype=np.intp)
    alone = np.flatnonzero(of_model == ALONE)
    return Groups(of_model, len(shared), {int(m): _why_alone(points, int(m)) for m in alone})


def _all_joined(beat: NDArray[np.bool_]) -> bool:
    """Return whether the first model has a chain to every other, and every other to it.

    The usual case, told in microseconds where the general search takes a millisecond.
    """
    return len(beat) > 1 and bool(_reached(beat).all() and _reached(beat.T).all())


def _reached(beat: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reached = np.zeros(len(beat), dtype=np.bool_)
    reached[0] = True
    count = 0
    while count < (count := int(reached.sum())) < len(beat):
        reached |= np.any(beat[reached], axis=0)
    return reached


def _why_alone(points: NDArray[np.float64], model: int) -> str:
    won, lost = points[model].any(), points[:, model].any()
    if not won and not lost:
        return "has no votes"
    if not lost:
        return "won every vote"
    if not won:
        return "lost every vote"
    return "won every vote against some models and lost every vote against the others"
