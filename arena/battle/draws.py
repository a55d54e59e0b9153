"""Which pair each battle gets, and what becomes of it: from the draw to the vote.

A pair counts from the moment it is drawn, so that two raters never get the last one of a cycle
together. It is given back when its battle is skipped, void, abandoned or withdrawn, and when a
rater leaves it without a vote for long. After every draw and every turn the models that come next
are named to whoever loads them, while the rater reads. What is said in a battle is not known here.
"""

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from arena.battle.responding import Responders
from arena.pairing.cycles import TWO, Pair
from arena.pairing.pairings import Pairing, Pairings
from arena.pairing.past import Event, What
from serving.engine import DEATHS, EngineError, FailureKind

log = logging.getLogger(__name__)

LEFT_S: Final = 1800.0  # seconds after which a battle without a vote gives its pair back
FAILURES: Final = 3  # failures in a row after which a model rests, as after each one more
MOMENT_S: Final = 2.0  # seconds in which turns that are cut off together hear of it
PROMPTS: Final = 9  # in a row at which both sides fail, after which it is not the prompt
PROMPT: Final = FailureKind.PROMPT


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
        self._failures: Counter[str] = Counter()
        self._failed: dict[str, float] = {}  # when the last of them was counted
        self._prompts = 0  # at which both sides failed, since anybody was well
        self._lately: dict[str, EngineError] = {}  # who failed since anybody was well

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

    def responded(self, models: Iterable[str]) -> None:
        """Note that both models of a battle have responded."""
        self._forgive(models)
        self.look_ahead()

    def failed(
        self,
        battle: str,
        failures: Mapping[str, EngineError],
        well: Iterable[str] = (),
        *,
        began: float,
    ) -> None:
        """Note that a battle is void, who failed and who was well in it, and when its turn began.

        Where both failed they share what broke, and so may all that failed since anybody was well:
        it counts for all of them that do not rest, or each would cost three battles to find out.
        """
        self.give_back(battle)
        self._forgive(well)
        if self._is_of_the_prompt(failures):
            failures = {}
        alive = {model: error for model, error in failures.items() if error.kind not in DEATHS}
        self._lately |= alive
        shared = len(alive) > 1
        here = self._available() if shared else ()
        counted = {model: error for model, error in self._lately.items() if model in here}
        counted |= failures
        tired = [model for model in counted if self._tires(model, counted[model], began)]
        for model in tired:
            self._pairings.sit_out(model)
            self._responders.leave_alone(model, counted[model], shared=shared)
        if tired:
            times = max(self._failures[model] for model in tired)
            how = "alike, left alone for a while" if shared else "and rests"
            log.warning("%s failed %d times in a row %s", ", ".join(tired), times, how)
        self.look_ahead()

    def _is_of_the_prompt(self, failures: Mapping[str, EngineError]) -> bool:
        """Tell whether both fail at this prompt alone, as before a filter of contents.

        That says nothing of what others ask, unless nothing else comes for long: a server that
        fails at all but our trial looks the same.
        """
        if len(failures) < TWO or {error.kind for error in failures.values()} != {PROMPT}:
            return False
        self._prompts += 1
        return self._prompts < PROMPTS

    def _tires(self, model: str, error: EngineError, began: float) -> bool:
        """Count a failure, and tell whether that was one too many.

        What ends many turns at one time counts once: a death of those under way, or a moment in
        which a server is started again.
        """
        last, now = self._failed.get(model, -math.inf), self._clock()
        if began <= last and (error.kind in DEATHS or now - last < MOMENT_S):
            return False
        self._failed[model] = now
        self._failures[model] += 1
        return self._failures[model] >= FAILURES

    def _forgive(self, models: Iterable[str]) -> None:
        """Forget what models failed at before: they have responded whole."""
        for model in models:
            self._failures.pop(model, None)
            self._lately.clear()  # what they share is not broken
            self._prompts = 0

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
