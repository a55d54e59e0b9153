"""Makes a study's responses before its first rater comes: model by model, in large batches.

A response is stored in the moment it is whole, so a kill loses those in flight and nothing more,
and the next run makes what is missing. A model that fails is listed and stops no other. How
progress is shown is for a `Watcher` to know.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from arena.pools import pool_of
from arena.record.ahead import Key, MadeResponse
from arena.record.store import Store
from arena.studies.makers import Known, know_makers
from arena.studies.study_file import Study
from serving.budget import parts_of
from serving.devices import roomiest
from serving.engine import Delta, Done, Engine, EngineError, Failed, FailureKind, Message, Prompt
from serving.spec import ModelSpec

MOST_AT_ONCE: Final = 256  # responses; beyond that a batch is hardly quicker
SEED_BITS: Final = 31


class Watcher(Protocol):
    """Whoever looks on."""

    def begin(self, model: str, stored: int, wanted: int) -> None:
        """Hear that a model's turn has come, and what of it is stored already."""

    def made(self, tokens: int) -> None:
        """Hear of a response that is stored."""

    def failed(self) -> None:
        """Hear of a response that was not made."""


@dataclass(frozen=True)
class Failure:
    """A response that was not made, and why."""

    question: str
    language: str
    cause: str


@dataclass
class Tally:
    """What came of one model."""

    model: str
    wanted: int
    stored: int
    """Responses that were there before."""
    made: int = 0
    tokens: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Wanted:
    """One response that is missing."""

    key: Key
    question: str
    prompt: Prompt


async def generate_into(db: Path, study: Study, watcher: Watcher) -> list[Tally]:
    """Open a database and make every response of a study that is not stored there.

    Raises
    ------
    ConfigError
        If a model changed since it made responses for this study.
    StoreError
        If the database cannot be opened, or a response could not be stored.
    """
    store = Store(db)
    try:
        return await generate(study, store, watcher)
    finally:
        store.close()


async def generate(study: Study, store: Store, watcher: Watcher) -> list[Tally]:
    """Make every response of a study that is not stored yet.

    Raises
    ------
    ConfigError
        If a model changed since it made responses for this study.
    StoreError
        If a response could not be stored.
    """
    study_id = await store.know_study(study.name, study.written)
    questions = await store.know_questions(study.bank)
    stored, makers = store.made_ahead(study_id)
    tallies: list[Tally] = []
    for known in await know_makers(study, store, makers):
        wanted = list(_wanted(study, study_id, questions, known))
        missing = [one for one in wanted if one.key not in stored]
        tally = Tally(known.spec.name, len(wanted), len(wanted) - len(missing))
        tallies.append(tally)
        watcher.begin(tally.model, tally.stored, tally.wanted)
        if missing:
            await _Run(study, store, watcher, known, tally).make(missing)
    return tallies


def seed_of(study_seed: int, question: str, language: str, model: str) -> int:
    """Return the seed of one response: its own, and the same in every run."""
    drawn = hashlib.sha256(f"{study_seed}\n{question}\n{language}\n{model}".encode()).digest()
    return int.from_bytes(drawn[:8]) >> (64 - SEED_BITS)


def widened(spec: ModelSpec, most: int, budget: int) -> ModelSpec:
    """Return a model with room for as many responses at once as fit into the budget.

    The key-value cache grows by the same bytes with each response that it has room for.
    """
    if spec.kind != "local":
        return spec
    one, two = (sum(parts_of(_batch(spec, size)).values()) for size in (1, 2))
    fitting = 1 + (budget - one) // (two - one) if two > one else most
    return _batch(spec, max(1, min(fitting, most, MOST_AT_ONCE)))


def _batch(spec: ModelSpec, size: int) -> ModelSpec:
    return spec.model_copy(update={"batch": size})


def _wanted(
    study: Study, study_id: int, questions: dict[str, int], known: Known
) -> Iterator[_Wanted]:
    name = known.spec.name
    for question in study.bank:
        for language in study.languages:
            key = Key(study_id, questions[question.id], language, known.model_id, study.seed)
            prompt = Prompt(
                (Message("user", question.text[language]),),
                seed=seed_of(study.seed, question.id, language, name),
                deadline_s=study.deadline_s,
            )
            yield _Wanted(key, question.id, prompt)


@dataclass(frozen=True)
class _Run:
    """One model's turn."""

    study: Study
    store: Store
    watcher: Watcher
    known: Known
    tally: Tally

    async def make(self, missing: Sequence[_Wanted]) -> None:
        """Load the model, let it respond to everything that is missing, and let it go."""
        start = time.monotonic()
        try:
            await self._respond(missing)
        except EngineError as error:
            self._fail(missing, f"{error.kind}: {error.cause}")
        self.tally.seconds = time.monotonic() - start

    async def _respond(self, missing: Sequence[_Wanted]) -> None:
        if self.known.missing is not None:
            raise EngineError(FailureKind.BACKEND, self.known.missing)
        rooms = self.study.pool.rooms()
        asked = self.known.spec
        place, room = roomiest(asked.device, rooms)
        spec = widened(asked.on(place), len(self.study), room).on(asked.device)
        left = iter(missing)
        pool = pool_of([spec], self.study.pool)
        try:
            async with pool.engine(spec.name) as engine, asyncio.TaskGroup() as group:
                # Responses that are shorter than they might be leave room for twice as many.
                for _ in range(min(len(missing), 2 * spec.batch)):
                    group.create_task(self._work(engine, left))
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None
        finally:
            await pool.close()

    async def _work(self, engine: Engine, left: Iterator[_Wanted]) -> None:
        """Make one response after the other until none is left."""
        for wanted in left:
            text, end = await respond(engine, wanted.prompt)
            if isinstance(end, Failed):
                self._fail([wanted], f"{end.kind}: {end.cause}")
                continue
            await self.store.save_ahead(self._made(wanted, text, end))
            self.tally.made += 1
            self.tally.tokens += end.tokens
            self.watcher.made(end.tokens)

    def _made(self, wanted: _Wanted, text: str, end: Done) -> MadeResponse:
        return MadeResponse(
            key=wanted.key,
            checkpoint=self.known.checkpoint,
            text=text,
            finish_reason=end.finish_reason,
            tokens=end.tokens,
            seconds=end.seconds,
            first_token_seconds=end.first_token_seconds or 0.0,
            seed=wanted.prompt.seed,
        )

    def _fail(self, those: Sequence[_Wanted], cause: str) -> None:
        for wanted in those:
            failure = Failure(wanted.question, wanted.key.language, cause)
            self.tally.failures.append(failure)
            self.watcher.failed()


async def respond(engine: Engine, prompt: Prompt) -> tuple[str, Done | Failed]:
    """Return a whole response, or how it failed."""
    said: list[str] = []
    try:
        async with aclosing(engine.stream(prompt)) as events:
            async for event in events:
                if not isinstance(event, Delta):
                    return "".join(said), event
                said.append(event.text)
    except EngineError as error:
        return "", Failed(error.kind, error.cause)
    return "", Failed(FailureKind.BACKEND, "the stream ended without a word")
