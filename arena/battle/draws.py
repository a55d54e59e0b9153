"""Which pair each battle gets, and what becomes of it: from the draw to the vote.

A pair counts from the moment it is drawn, so that two raters never get the last one of a cycle
together. It is given back when its battle is skipped, void, abandoned or withdrawn, and when a
rater leaves it without a vote for long. After every draw and every turn the models that come next
are named to whoever loads them, while the rater reads. What is said in a battle is not known here.
"""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from arena.battle.failing import Failing
from arena.battle.responding import Responders
from arena.pairing.cycles import Pair
from arena.pairing.pairings import Pairing, Pairings
from arena.pairing.past import Event, What
from serving.engine import EngineError

log = logging.getLogger(__name__)

LEFT_S: Final = 1800.0  # seconds after which a battle without a vote gives its pair back


class Draws:
    """The pairs of one server's battles; a battle is known by its id."""

    def __init__(
        self,
        responders: Responders,
        random_source: random.Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._responders = responders
        self._random = random_source
        self._clock = clock
        self._models: frozenset[str] = frozenset()
        self._pairings = Pairings((), (), responders.fit, random_source)
        self._open: dict[str, tuple[Pair, float]] = {}  # oldest first
        self._failing = Failing(clock)

    def start(self, models: Mapping[str, int], past: Iterable[tuple[str, int, int]]) -> None:
        """Go on where the battles so far have left the plan; they name models by their numbers."""
        names = {number: name for name, number in models.items()}
        events = (
            Event(What(what), names[x], names[y])
            for what, x, y in past
            if x in names and y in names
        )
        self._models = frozenset(models)
        self._pairings = Pairings(models, events, self._responders.fit, self._random)

    async def wait_for_two(self) -> None:
        """Wait until a pair can be drawn, if that is soon: after a death of many, for instance."""
        await self._responders.wait_for_two(self._models)

    def draw(self, battle: str) -> Pairing:
        """Draw the pair of a new battle.

        Raises
        ------
        ModelUnavailable
            If no two models can respond together.
        """
        self._give_up_the_left()
        available, loaded = self._available(), self._responders.resident()
        pairing = self._pairings.draw(available, loaded)
        self._open[battle] = pairing.pair, self._clock()
        return pairing

    def look_ahead(self) -> None:
        """Have the models of the next battles loaded where there is room."""
        available, loaded = self._available(), self._responders.resident()
        self._responders.expect(self._pairings.look_ahead(available, loaded))

    def _available(self) -> list[str]:
        """Return who can respond now, of the models that are not left out."""
        return [model for model in self._responders.available() if model in self._models]

    def responded(self, models: Collection[str]) -> None:
        """Note that both models of a battle have responded."""
        self._failing.forgive(models)
        self.look_ahead()

    def failed(
        self,
        battle: str,
        failures: Mapping[str, EngineError],
        well: Collection[str] = (),
        *,
        began: float,
    ) -> None:
        """Note that a battle is void, who failed and who was well, and when its turn began."""
        self.give_back(battle)
        self._failing.forgive(well)
        tired = self._failing.add(failures, self._available, began=began)
        for model, error in tired.errors.items():
            self._pairings.sit_out(model)
            self._responders.leave_alone(model, error, shared=tired.alike)
        if tired.errors:
            how = "alike, left alone for a while" if tired.alike else "and rests"
            log.warning("%s failed %d times in a row %s", ", ".join(tired.errors), tired.times, how)
        self.look_ahead()

    def give_back(self, battle: str) -> None:
        """Let the pair of a battle come again, unless it was given back or voted on."""
        pair, _ = self._open.pop(battle, (None, 0.0))
        if pair is not None:
            self._pairings.give_back(pair)

    def voted(self, battle: str, pair: Pair) -> None:
        """Note the first vote on a battle; its pair is taken, also if it was given back before."""
        if self._open.pop(battle, None) is None:
            self._pairings.take(pair)

    def withdrawn(self, pair: Pair) -> None:
        """Note that a vote was taken back."""
        self._pairings.give_back(pair)

    def _give_up_the_left(self) -> None:
        now = self._clock()
        left = [battle for battle, (_, since) in self._open.items() if now - since > LEFT_S]
        for battle in left:
            self.give_back(battle)
