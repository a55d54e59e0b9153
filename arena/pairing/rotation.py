"""Which models to have in memory next, when not all of them fit.

Pairs can only meet without a wait where both models are loaded. So a set of models stays in memory
until its open pairs are nearly used up; then one model goes and another comes, and with it as many
open pairs as the set has members. Which one goes and which one comes is chosen so that a cycle of
all pairs costs few loads: the next model is the one that opens the most pairs, and the one that
leaves has the fewest in the set; of such ones it has nothing to do elsewhere, or else the most
still to do there, so that the others are finished with. This is the order in which blocks of a
graph too large for memory are swapped [1]_; ties are broken at random, so that each cycle has
another order.

Names, sets and pairs are all that is known here; bytes are asked for.

References
----------
.. [1] J. Mohoney et al., "Marius: Learning Massive Graph Embeddings on a Single Machine",
   OSDI 2021, section 4: an ordering of partition pairs with few swaps.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from arena.pairing.cycles import Pair, pair_of

Fits = Callable[[Collection[str]], bool]
"""Tells whether models can be in memory at one time."""


@dataclass(frozen=True)
class Surroundings:
    """What a set of models is chosen by."""

    models: frozenset[str]
    """The models that can serve."""
    open_pairs: frozenset[Pair]
    loaded: frozenset[str]
    fits: Fits


def pairs_within(models: Collection[str], pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs of which both models are among these."""
    return [pair for pair in pairs if pair[0] in models and pair[1] in models]


def enough(models: Collection[str]) -> int:
    """Return how many open pairs a set should have: with fewer, one model is more often certain."""
    return max(len(models) - 1, 1)


class Rotation:
    """Chooses the next set, one step at a time."""

    def __init__(self, around: Surroundings, random_source: random.Random) -> None:
        self._around = around
        self._random = random_source
        self._to_come = Counter(model for pair in around.open_pairs for model in pair)
        self._fitting: dict[frozenset[str], bool] = {}

    def next_set(self, held: frozenset[str]) -> frozenset[str]:
        """Return the set to have in memory, as close to `held` as the open pairs allow."""
        held &= self._around.models
        while held and not self._fits(held):
            held -= {self._random.choice(sorted(held))}
        held = self._filled(held)  # whoever was away may be back, and memory may be free again
        for _ in self._around.models:  # each step opens more pairs, so this is more than enough
            inside = len(pairs_within(held, self._around.open_pairs))
            if inside >= min(enough(held), len(self._around.open_pairs)):
                break
            exchanged = self._exchanged(held) or (None if inside else self._begun_anew(held))
            if exchanged is None:
                break
            held = self._filled(exchanged)
        return held

    def _filled(self, held: frozenset[str]) -> frozenset[str]:
        """Add models while there is room."""
        while wanted := [model for model in self._outside(held) if self._fits(held | {model})]:
            best = max(wanted, key=lambda model: (self._links(model, held), *self._rank(model)))
            held |= {best}
        return held

    def _exchanged(self, held: frozenset[str]) -> frozenset[str] | None:
        """Return the best set that one more model makes; None if none has more open pairs."""
        best: tuple[tuple[float, ...], frozenset[str]] | None = None
        for model in self._outside(held):
            kept, lost = self._room_for(model, held)
            gain = self._links(model, kept) - lost
            if not kept or gain <= 0:
                continue
            left = sum(self._to_come[gone] for gone in held - kept)
            score = (gain, left, *self._rank(model))
            if best is None or score > best[0]:
                best = score, kept | {model}
        return None if best is None else best[1]

    def _room_for(self, model: str, held: frozenset[str]) -> tuple[frozenset[str], int]:
        """Return what can stay beside a model, and how many open pairs leave with the rest."""
        lost = 0
        while held and not self._fits(held | {model}):
            with_it = held | {model}
            goes = max(
                sorted(held),
                key=lambda one: (
                    -self._links(one, with_it),
                    self._to_come[one] == 0,
                    self._to_come[one],
                    self._random.random(),
                ),
            )
            held -= {goes}
            lost += self._links(goes, held)
        return held, lost

    def _begun_anew(self, held: frozenset[str]) -> frozenset[str] | None:
        """Return a set around some open pair: none of them touches what is held."""
        pairs = [pair for pair in sorted(self._around.open_pairs) if self._fits(pair)]
        if not pairs:
            return None
        begun = frozenset(self._random.choice(pairs))
        kept = sorted(held)
        kept.sort(key=lambda one: (self._to_come[one] == 0, self._random.random()))
        for model in kept:
            if self._fits(begun | {model}):
                begun |= {model}
        return begun

    def _outside(self, held: frozenset[str]) -> list[str]:
        """Return the models that still have something to do and are not in the set."""
        return sorted(model for model in self._around.models - held if self._to_come[model])

    def _links(self, model: str, others: Iterable[str]) -> int:
        """Return how many open pairs a model has with others."""
        pairs = self._around.open_pairs
        return sum(pair_of(model, other) in pairs for other in others)

    def _rank(self, model: str) -> tuple[float, ...]:
        """Return what decides between models that open as many pairs."""
        return model in self._around.loaded, -self._to_come[model], self._random.random()

    def _fits(self, models: Collection[str]) -> bool:
        wanted = frozenset(models)
        if wanted not in self._fitting:
            self._fitting[wanted] = self._around.fits(wanted)
        return self._fitting[wanted]
