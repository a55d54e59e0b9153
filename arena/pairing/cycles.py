"""Which pairs are still to come: cycles in which every pair comes exactly once.

A cycle is over when each pair has been taken; then the next begins. A pair is taken when a battle
gets it, and given back when that battle ends without a vote. So at any moment two pairs differ by
one battle at most, but for those that are owed: a battle given back after its cycle was over, or
pairs of a model that was away when the others were through. A few such battles come first. More
than a model's round of them come in the next cycle beside its own pairs, drawn as from an urn that
holds each pair as often as it is still to come, so that nobody sees one model in every battle. So
that this comes to an end, a cycle ends early for one model only once its most owed pairs are owed
one battle less than when the last cycle did; until then they come alone. More than three battles a
pair are not made up for.

A model that is new joins at the next cycle, as if its pairs had come in all those before. After a
restart `arena.pairing.past` goes through all draws and votes again. What is loaded is not known
here.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

TWO: Final = 2
MOST_OWED: Final = 3  # battles of a pair that are made up for, beside that of the cycle itself

Pair = tuple[str, str]
"""Two models, by name in the order of the alphabet."""


def pair_of(one: str, other: str) -> Pair:
    """Return two models as a pair."""
    return (one, other) if one < other else (other, one)


class Cycles:
    """How often each pair of a roster was taken, and the cycle that is under way.

    Parameters
    ----------
    models : iterable of str, optional
        Who is there from the first cycle on.
    """

    def __init__(self, models: Iterable[str] = ()) -> None:
        self._models: set[str] = set()
        self._taken: dict[Pair, int] = {}
        self._cycle = 0
        self._before_early = MOST_OWED + 1
        self._unvoted: Counter[Pair] = Counter()  # drawn in the past, and voted on later in it
        for model in models:
            self.join(model)

    def join(self, model: str) -> None:
        """Let a model join at the next cycle, unless it is there."""
        if model not in self._models:
            pairs = (pair_of(model, other) for other in self._models)
            self._taken |= dict.fromkeys(pairs, self._cycle)
            self._taken = dict(sorted(self._taken.items()))  # a draw with a seed comes out the same
            self._models.add(model)

    def redraw(self, pair: Pair) -> None:
        """Go through the draw of a battle of the past, which is taken where its vote comes.

        A pair that has come in this cycle was drawn once more, so the next cycle had begun.
        """
        if self._taken[pair] >= self._cycle:
            self._begin(MOST_OWED + 1)
        self._unvoted[pair] += 1

    def revote(self, pair: Pair) -> None:
        """Go through the vote on a battle of the past."""
        self._unvoted[pair] -= 1
        self.take(pair)

    def open(self, models: Collection[str]) -> list[Pair]:
        """Return the pairs of these models that are to come now, each as often as it is owed.

        None without two models. Where all have come, asking begins the next cycle.
        """
        here = set(models)
        among = self.among(here)
        owed = self._owed(among)
        one_left = _makes_up_for_one(owed, here)
        times = Counter(owed)
        most = max(times.values(), default=0)
        if one_left and most > self._before_early:
            return [pair for pair in times if times[pair] == most]
        if one_left:
            self._begin(min(most, MOST_OWED) - 1)
        while among and not (owed := self._owed(among)):
            self._begin(MOST_OWED + 1)
        overdue = [pair for before, pair in itertools.pairwise(owed) if pair == before]
        return overdue if 0 < len(overdue) < len(here) else owed

    def take(self, pair: Pair) -> None:
        """Count a battle of this pair."""
        self._add(pair, 1)

    def give_back(self, pair: Pair) -> None:
        """Count a battle of this pair no longer: it ended without a vote."""
        self._add(pair, -1)

    def leave_out(self, pairs: Iterable[Pair]) -> None:
        """Let these pairs wait for the next cycle, and owe them nothing from this one."""
        for pair in pairs:
            self._taken[pair] = max(self._taken[pair], self._cycle)

    def among(self, models: Collection[str]) -> list[Pair]:
        """Return every pair of these models."""
        here = set(models)
        return [pair for pair in self._taken if here.issuperset(pair)]

    def pairs_with(self, model: str) -> list[Pair]:
        """Return every pair that a model is in."""
        return [pair for pair in self._taken if model in pair]

    def _add(self, pair: Pair, battles: int) -> None:
        if pair in self._taken:  # a vote may come for a model that has left the roster
            self._taken[pair] += battles

    def _owed(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Return pairs as often as they are owed: more than once where older cycles count too."""
        return [pair for pair in pairs for _ in range(self._cycle - self._taken[pair])]

    def _begin(self, before_early: int) -> None:
        """Begin a cycle, and let none begin early until no pair is owed more than this."""
        self._before_early = before_early
        for pair, taken in self._taken.items():
            missed = self._cycle - taken - self._unvoted[pair]
            self._taken[pair] += max(0, missed - MOST_OWED)
        self._cycle += 1


def _makes_up_for_one(owed: Collection[Pair], models: Collection[str]) -> bool:
    """Tell whether only one model has anything left, and more than one round of it."""
    if len(models) <= TWO or len(owed) < len(models):
        return False
    return bool(set.intersection(*map(set, owed)))
