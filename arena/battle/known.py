"""Who is in the record: the models of a roster and the questions of a bank by number, and raters.

Each is entered once for a server, before a battle names it. What becomes of a battle is not known
here.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from arena.identity import FILES, changes, entry_of
from arena.pairing.past import What
from arena.questions import Question
from arena.record.store import Store
from arena.record.tables import RaterKind
from serving.spec import ModelSpec

log = logging.getLogger(__name__)

REMEMBERED: Final = 50_000  # raters; the store has the rest


class Known:
    """What one server has entered; its raters are all of one kind."""

    def __init__(self, store: Store, rater_kind: RaterKind = RaterKind.HUMAN) -> None:
        self._store = store
        self._rater_kind = rater_kind
        self._models: dict[str, int] = {}
        self._questions: dict[tuple[str | None, str, str], int] = {}
        self._raters: set[str] = set()
        self._past: Sequence[tuple[str, int, int]] | None = None  # read, and not asked for yet

    @property
    def models(self) -> Mapping[str, int]:
        """The number of each model, by name."""
        return self._models

    async def enter(self, models: Sequence[ModelSpec], questions: Sequence[Question]) -> None:
        """Enter a roster and a question bank.

        The log says which models are not what they were when others voted on that name.
        """
        entered: dict[str, tuple[ModelSpec, str]] = {}
        for spec in models:
            entry = await asyncio.to_thread(entry_of, spec)
            self._models[spec.name] = await self._store.know_model(**entry)
            entered[spec.name] = spec, entry["spec"][FILES]
        self._tell_changes(entered)
        numbers = await self._store.know_questions(questions)
        self._questions = {
            (question.id, language, text.strip()): numbers[question.id]
            for question in questions
            for language, text in question.text.items()
        }

    def _tell_changes(self, entered: Mapping[str, tuple[ModelSpec, str]]) -> None:
        others = self._store.namesakes({name: self._models[name] for name in entered})
        if not others:
            return
        self._past = self._store.past(self._rater_kind)  # of a million votes it takes seconds
        votes = Counter(model for what, *pair in self._past if what == What.VOTED for model in pair)
        for other in others:
            spec, files = entered[other.name]
            changed = changes(spec, files, other.spec, other.spec.get(FILES, files))
            if changed and votes[other.number]:
                log.warning(
                    "%s: %d of its votes are on another model of the name %s; changed since: %s. "
                    "Ratings go by name and take them for one: give this one another name, unless "
                    "that is meant.",
                    *(self._store.path, votes[other.number], other.name, ", ".join(changed)),
                )

    def question(self, name: str | None, language: str, prompt: str) -> int | None:
        """Return the number of a question; None where the prompt is not what it asks.

        Whoever sends a prompt may call it what they like.
        """
        return self._questions.get((name, language, prompt))

    async def meet(self, rater: str) -> None:
        """Enter a rater who is new."""
        if rater not in self._raters:
            await self._store.know_rater(rater, self._rater_kind)
            if len(self._raters) >= REMEMBERED:
                self._raters.clear()  # the store knows them all
            self._raters.add(rater)

    def past(self) -> Sequence[tuple[str, int, int]]:
        """Return what happened to models so far, with votes of such raters alone."""
        past, self._past = self._past, None
        return self._store.past(self._rater_kind) if past is None else past
