"""Which pairs are still to come: cycles in which every pair comes exactly once.

A cycle is over when each pair has been taken; then the next begins. A pair is taken when a battle
gets it, and given back when that battle ends without a vote. So at any moment two pairs differ by
one battle at most, but for battles given back after their cycle was over; those come first.

Nothing has to be kept for a restart: the counts of votes say where a cycle stands. Pairs of a
model that is new join at the next cycle, and those of a model that was away make up for one cycle
at most: a model that sits in every battle is a model that a rater recognizes. What is loaded is
not known here.
"""

import itertools
import statistics
from collections.abc import Collection, Iterable, Mapping

Pair = tuple[str, str]
"""Two models, by name in the order of the alphabet."""


def pair_of(one: str, other: str) -> Pair:
    """Return two models as a pair."""
    return (one, other) if one < other else (other, one)


class Cycles:
    """How often each pair of a roster was taken, and the cycle that is under way.

    Parameters
    ----------
    models : iterable of str
        The roster.
    counts : mapping, optional
        Votes of each pair so far; a pair that is missing has none.
    """

    def __init__(self, models: Iterable[str], counts: Mapping[Pair, int] | None = None) -> None:
        pairs = itertools.combinations(sorted(set(models)), 2)
        self._taken = {pair: (counts or {}).get(pair, 0) for pair in pairs}
        usual = statistics.median_low(self._taken.values()) if self._taken else 0
        present = [taken for taken in self._taken.values() if taken >= usual - 1]
        self._cycle = min(present, default=0) + 1
        for pair, taken in self._taken.items():
            if taken < usual - 1:  # its model is new
                self._taken[pair] = self._cycle

    def open(self, models: Collection[str]) -> list[Pair]:
        """Return the pairs of these models that are to come now; none without two models."""
        here = set(models)
        among = [pair for pair in self._taken if here.issuperset(pair)]
        if among and all(self._taken[pair] >= self._cycle for pair in among):
            self._begin()
        overdue = [pair for pair in among if self._taken[pair] < self._cycle - 1]
        return overdue or [pair for pair in among if self._taken[pair] < self._cycle]

    def take(self, pair: Pair) -> None:
        """Count a battle of this pair."""
        self._add(pair, 1)

    def give_back(self, pair: Pair) -> None:
        """Count a battle of this pair no longer: it ended without a vote."""
        self._add(pair, -1)

    def leave_out(self, pairs: Iterable[Pair]) -> None:
        """Let these pairs wait for the next cycle."""
        for pair in pairs:
            self._taken[pair] = max(self._taken[pair], self._cycle)

    def pairs_with(self, model: str) -> list[Pair]:
        """Return every pair that a model is in."""
        return [pair for pair in self._taken if model in pair]

    def _add(self, pair: Pair, battles: int) -> None:
        if pair in self._taken:  # a vote may come for a model that has left the roster
            self._taken[pair] += battles

    def _begin(self) -> None:
        self.leave_out(self._taken)
        self._cycle += 1
