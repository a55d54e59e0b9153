"""Who meets whom, and in which seats.

Every pair comes exactly once a cycle (`arena.pairing.cycles`). Of the pairs still open, those come
first whose models are in memory, and a set of models stays there until its open pairs are nearly
used up (`arena.pairing.rotation`). Among the pairs that may come now the draw is random and each is
equally likely, or two to four times as likely where it is owed so many battles because a model was
away; that chance is kept with the battle as its propensity, together with how many of the two
models were loaded. Where all models fit into memory, all open pairs of the cycle may come at
any draw: a cycle in random order, and not independent draws, because votes spread evenly tell more.

**Is the result biased?** By construction no pair gets more votes than another for being loaded, so
votes need no weights: over a cycle each pair is as likely at any place of it, because every
choice between equals is a random one. What remains is order. While a set is in memory only its
models meet, so a rater who comes for ten minutes sees few models, and a rater whose standards
drift sees different models before and after. Neither favours a model in a comparison of two, and
each cycle has another order; but votes of one rater are less alike than independent ones would
be in which models they hold, which is one reason more for intervals that are clustered by rater.
Elo ratings depend on the order of votes, and battles of a model come in runs here: their band of
orders shows it, Bradley-Terry ratings do not know it. The propensity is that of one draw, given
the set, what was open and what was loaded: it is no weight for pairs that could not come then.

**Can the next pair be guessed?** Someone who sees every battle and its names knows that a model
which has just come meets the others first; `benchmarks.residency` measures how sure such a guess
is, and in how many battles it is certain: a set is left before it has fewer open pairs than it has
models but one, but those that are left, or loaded, may all be of one model. The last pairs of a
cycle are certain for whoever kept count. Seats are drawn anew for each battle and cannot be
guessed.

What the models are is not known here, and no battle.
"""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from arena.errors import ModelUnavailable
from arena.pairing.cycles import TWO, Pair, pair_of
from arena.pairing.past import Event, resumed
from arena.pairing.rotation import Fits, Rotation, Surroundings, pairs_within


@dataclass(frozen=True)
class Pairing:
    """Two models for an item, in no particular order, and how they came to meet."""

    x: str
    y: str
    propensity: float
    """The chance of this pair in the draw that chose it."""
    resident: int
    """How many of the two were in memory at the draw."""

    @property
    def pair(self) -> Pair:
        """The two as a pair."""
        return pair_of(self.x, self.y)


class Pairings:
    """Draws pairs for one roster.

    Parameters
    ----------
    models : iterable of str
        The roster.
    past : iterable of Event
        What happened so far, oldest first.
    fits : callable
        Tells whether models can be in memory at one time.
    """

    def __init__(
        self,
        models: Iterable[str],
        past: Iterable[Event],
        fits: Fits,
        random_source: random.Random,
    ) -> None:
        self._cycles = resumed(models, past)
        self._fits = fits
        self._random = random_source
        self._set: frozenset[str] = frozenset()

    def draw(self, available: Collection[str], loaded: Collection[str]) -> Pairing:
        """Draw a pair of the available models and take it; some of them are loaded.

        Raises
        ------
        ModelUnavailable
            If no two of them can respond together.
        """
        choices = self.choices(available, loaded)
        if not choices:
            there = len(set(available))
            why = "no two of these fit into memory together" if there >= TWO else "that is too few"
            raise ModelUnavailable(
                f"A battle needs two models; {there} can respond at present, and {why}."
            )
        x, y = self._random.choice(choices)
        self._cycles.take((x, y))
        chance = choices.count((x, y)) / len(choices)
        return Pairing(x, y, chance, (x in loaded) + (y in loaded))

    def choices(self, available: Collection[str], loaded: Collection[str]) -> list[Pair]:
        """Return the pairs of which the next draw takes one: loaded ones, if there are any.

        A pair is in there as often as it is owed.
        """
        open_pairs = self._open_in_next_set(available, loaded)
        return pairs_within(loaded, open_pairs) or open_pairs

    def look_ahead(self, available: Collection[str], loaded: Collection[str]) -> frozenset[str]:
        """Return the models that the next draws need in memory."""
        self._open_in_next_set(available, loaded)
        return self._set

    def _open_in_next_set(self, available: Collection[str], loaded: Collection[str]) -> list[Pair]:
        """Choose the next set, and return its open pairs: none only where no two models fit."""
        while True:
            open_pairs = self._cycles.open(available)
            self._set = self._next_set(available, open_pairs, loaded)
            inside = pairs_within(self._set, open_pairs)
            if inside or not any(map(self._fits, self._cycles.among(available))):
                return inside
            self._cycles.leave_out(open_pairs)  # none of these fits, others do

    def _next_set(
        self, available: Collection[str], open_pairs: Collection[Pair], loaded: Collection[str]
    ) -> frozenset[str]:
        around = Surroundings(
            frozenset(available), frozenset(open_pairs), frozenset(loaded), self._fits
        )
        return Rotation(around, self._random).next_set(self._set)

    def take(self, pair: Pair) -> None:
        """Count a battle that was not drawn here: of before a restart, or given back too early."""
        self._cycles.take(pair)

    def give_back(self, pair: Pair) -> None:
        """Let a pair come again: its battle ended without a vote."""
        self._cycles.give_back(pair)

    def sit_out(self, model: str) -> None:
        """Let a model that keeps failing wait for the next cycle."""
        self._cycles.leave_out(self._cycles.pairs_with(model))


def x_sits_at_a(random_source: random.Random) -> bool:
    """Draw the seats: whether the item's first model takes seat A."""
    return random_source.random() < 1 / TWO
