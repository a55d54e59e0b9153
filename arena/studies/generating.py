"""Makes a study's responses before its first rater comes: model by model, in large batches.

A kill loses the responses in flight and nothing more, and the next run makes what is missing.
Models that share their weights follow each other, so that these are loaded once. A model that fails
is listed and stops no other; one whose server is away has its turn after the others, and is waited
for then. How progress is shown is for a `Watcher` to know.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from arena.pools import pool_of
from arena.record.ahead import Key
from arena.record.store import Store
from arena.studies.answering import RESTS, Tally, Turn, Wanted, Watcher
from arena.studies.makers import Known, know_makers
from arena.studies.study_file import Study
from serving.budget import parts_of
from serving.devices import roomiest
from serving.engine import EngineError, KeyRefusedError, Message, Prompt
from serving.pool import Pool
from serving.rests import REST_S
from serving.spec import ModelSpec

MOST_AT_ONCE: Final = 256  # responses; beyond that a batch is hardly quicker
SEED_BITS: Final = 31


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
    turns: list[_Due] = []
    for known in await know_makers(study, store, makers):
        wanted = list(_wanted(study, study_id, questions, known))
        missing = [one for one in wanted if one.key not in stored]
        tally = Tally(known.spec.name, len(wanted), len(wanted) - len(missing))
        turns.append(_Due(known, Turn(tally, missing, known.checkpoint, store, watcher)))
    away: list[_Away] = []
    for together in _by_weights(turns):
        away += await _make(study, together, watcher)
    await _outlast(study, away, watcher)
    return [due.turn.tally for due in turns]


def seed_of(study_seed: int, question: str, language: str, model: str) -> int:
    """Return the seed of one response: its own, and the same in every run."""
    drawn = hashlib.sha256(f"{study_seed}\n{question}\n{language}\n{model}".encode()).digest()
    return int.from_bytes(drawn[:8]) >> (64 - SEED_BITS)


def widened(specs: Sequence[ModelSpec], most: int, budget: int) -> list[ModelSpec]:
    """Return models on one copy of weights with room for as many responses as fit into the budget.

    The key-value cache grows by the same bytes with each response that it has room for.
    """
    if any(spec.kind != "local" for spec in specs):
        return list(specs)
    one, two = (_bytes([_batch(spec, size) for spec in specs]) for size in (1, 2))
    fitting = 1 + (budget - one) // (two - one) if two > one else most
    return [_batch(spec, max(1, min(fitting, most, MOST_AT_ONCE))) for spec in specs]


def _batch(spec: ModelSpec, size: int) -> ModelSpec:
    return spec.model_copy(update={"batch": size})


def _bytes(specs: Iterable[ModelSpec]) -> int:
    """Return what models take together; one that cannot be read takes nothing, and fails later."""
    parts: dict[str, int] = {}
    for spec in specs:
        with suppress(EngineError):
            parts |= parts_of(spec)
    return sum(parts.values())


def _wanted(
    study: Study, study_id: int, questions: dict[str, int], known: Known
) -> Iterator[Wanted]:
    name = known.spec.name
    for question in study.bank:
        for language in study.languages:
            key = Key(study_id, questions[question.id], language, known.model_id, study.seed)
            prompt = Prompt(
                (Message("user", question.text[language]),),
                seed=seed_of(study.seed, question.id, language, name),
                deadline_s=study.deadline_s,
            )
            yield Wanted(key, question.id, prompt)


@dataclass(frozen=True)
class _Due:
    """A model whose turn will come."""

    known: Known
    turn: Turn

    @property
    def can_respond(self) -> bool:
        """Whether it has its files and room for a prompt, and a response is missing."""
        return bool(self.turn.missing) and self.known.missing is None


def _by_weights(turns: Iterable[_Due]) -> Iterable[list[_Due]]:
    """Return the turns of models on the same weights together, each group where its first was."""
    groups: dict[str, list[_Due]] = {}
    for due in turns:
        spec = due.known.spec
        key = spec.weights_key() if spec.kind == "local" else f"by itself: {spec.name}"
        groups.setdefault(key, []).append(due)
    return groups.values()


@dataclass(frozen=True)
class _Away:
    """A model whose server was away when its turn came, and what was said of that."""

    due: _Due
    cause: str


async def _make(study: Study, together: Sequence[_Due], watcher: Watcher) -> list[_Away]:
    """Let models on one copy of weights respond, one after the other, and let them go.

    Return those whose server is away.
    """
    specs = _specs(study, [due.known.spec for due in together if due.can_respond])
    pool = pool_of(list(specs.values()), study.pool) if specs else None
    away: list[_Away] = []
    try:
        for due in together:
            if (cause := await _absence(pool, due)) is None:
                await _take(due, pool, specs, watcher)
            else:
                away.append(_Away(due, cause))
    finally:
        if pool is not None:
            await pool.close()
    return away


async def _take(
    due: _Due, pool: Pool | None, specs: Mapping[str, ModelSpec], watcher: Watcher
) -> None:
    tally = due.turn.tally
    watcher.begin(tally.model, tally.stored, tally.wanted)
    start = time.monotonic()
    if due.known.missing is not None:
        due.turn.give_up(due.known.missing)
    elif pool is not None and due.turn.missing:
        # Responses that are shorter than they might be leave room for twice as many.
        await due.turn.take(pool, 2 * specs[tally.model].batch)
    tally.seconds = time.monotonic() - start


async def _absence(pool: Pool | None, due: _Due) -> str | None:
    """Return what is said of a model's server that is away; None where nobody needs it."""
    if pool is None or not due.can_respond or due.known.spec.kind != "remote":
        return None
    try:
        async with pool.engine(due.known.spec.name):
            return None
    except KeyRefusedError:
        return None  # it is there: the turn of its model tells what it said
    except EngineError as error:
        return f"{error.kind}: {error.cause}"


async def _outlast(study: Study, away: list[_Away], watcher: Watcher) -> None:
    """Wait for servers that are away; give up when none came back for long."""
    rests = 0
    while away and rests < RESTS:
        if not rests:
            watcher.waits([one.due.known.spec.name for one in away], REST_S, RESTS)
        await asyncio.sleep(REST_S)
        there = await asyncio.gather(*(_answers(one.due.known.spec) for one in away))
        still: list[_Away] = []
        for one, answers in zip(away, there, strict=True):
            still += await _make(study, [one.due], watcher) if answers else [one]
        rests = rests + 1 if len(still) == len(away) else 0
        away = still
    for one in away:
        tally = one.due.turn.tally
        watcher.begin(tally.model, tally.stored, tally.wanted)
        one.due.turn.give_up(one.cause)


async def _answers(spec: ModelSpec) -> bool:
    """Ask a server whether it is there, and log nothing: why it is away was logged before."""
    from serving.reach import reach  # noqa: PLC0415 -- heavy, and only waiting needs it

    try:
        await asyncio.to_thread(reach, spec)
    except KeyRefusedError:
        return True
    except EngineError:
        return False
    return True


def _specs(study: Study, asked: Sequence[ModelSpec]) -> dict[str, ModelSpec]:
    """Return models on one copy of weights by name, each with all the memory for its batch."""
    if not asked:
        return {}
    place, room = roomiest(asked[0].device, study.pool.rooms())
    wide = widened([spec.on(place) for spec in asked], len(study), room)
    return {new.name: new.on(old.device) for new, old in zip(wide, asked, strict=True)}
