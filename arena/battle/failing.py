"""Which models keep failing battles: what counts as one failure, and when it was one too many.

Knows no pairs, and not how a model is left alone.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from serving.engine import DEATHS, EngineError, FailureKind

FAILURES: Final = 3  # in a row after which a model is left alone, as after each one more
MOMENT_S: Final = 2.0  # seconds in which turns that are cut off together hear of it
PROMPTS: Final = 9  # in a row that one model, or both sides, fail at: then it is not the prompt


@dataclass(frozen=True)
class Tired:
    """Who failed once too often, why, and how often in a row; `alike` if others did with them."""

    errors: Mapping[str, EngineError]
    times: int
    alike: bool


class Failing:
    """The failures of a roster since each model was well."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._in_a_row: Counter[str] = Counter()
        self._counted: dict[str, float] = {}  # when the last of them was
        self._lately: dict[str, EngineError] = {}  # who failed since anybody was well
        self._prompts: Counter[str | None] = Counter()  # that each model failed at, None for both

    def forgive(self, models: Collection[str]) -> None:
        """Forget what models failed at before: they have responded whole."""
        if models:  # what others share with them is not broken
            self._lately.clear()
            self._prompts.pop(None, None)
        for model in models:
            self._in_a_row.pop(model, None)
            self._prompts.pop(model, None)

    def add(
        self,
        failures: Mapping[str, EngineError],
        available: Callable[[], Collection[str]],
        *,
        began: float,
    ) -> Tired:
        """Count what a battle failed at whose turn began then; return who is to be left alone.

        Where both sides failed they share what broke, and so may all that failed since anybody was
        well: it counts for all of them that are available, or each would cost three battles to
        find out.
        """
        if self._is_of_the_prompt(failures):
            return Tired({}, 0, alike=True)
        alive = {model: error for model, error in failures.items() if error.kind not in DEATHS}
        self._lately |= alive
        alike = len(alive) > 1
        there = available() if alike else ()
        counted = {model: error for model, error in self._lately.items() if model in there}
        counted |= failures
        tired = {
            model: error for model, error in counted.items() if self._tires(model, error, began)
        }
        times = max((self._in_a_row[model] for model in tired), default=0)
        return Tired(tired, times, alike)

    def _is_of_the_prompt(self, failures: Mapping[str, EngineError]) -> bool:
        """Tell whether who failed did so at this prompt alone, as before a filter of contents.

        That says nothing of what others ask, unless nothing else comes for long: a server that
        fails at all but our trial looks the same.
        """
        if {error.kind for error in failures.values()} != {FailureKind.PROMPT}:
            return False
        whose = None if len(failures) > 1 else next(iter(failures))
        self._prompts[whose] += 1
        return self._prompts[whose] < PROMPTS

    def _tires(self, model: str, error: EngineError, began: float) -> bool:
        """Count a failure, and tell whether that was one too many.

        What ends many turns at one time counts once: a death of those under way, or a moment in
        which a server is started again.
        """
        last, now = self._counted.get(model, -math.inf), self._clock()
        if began <= last and (error.kind in DEATHS or now - last < MOMENT_S):
            return False
        self._counted[model] = now
        self._in_a_row[model] += 1
        return self._in_a_row[model] >= FAILURES
