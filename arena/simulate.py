"""Rehearsal: raters that are drawn, not people, going the way of every vote.

Models get a hidden strength, raters vote by the odds that follow from it, and everything between
is the real thing: battles, seats, streams, store. Every row says `simulated`, so that no such vote
is ever counted among people's. What the ratings then find can be held against what was hidden.
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from arena.battle.battles import Battles
from arena.battle.responding import PoolResponders
from arena.questions import Question
from arena.record.showing import Showing
from arena.record.store import Store
from arena.record.tables import RaterKind
from arena.settings import Limits, PaceSettings, Settings
from arena.signing import Signer, load_key
from ratings.elo import expected_score
from ratings.votes import Outcome
from serving.duet import Pace
from serving.pool import Pool
from serving.spec import Behaviour, ModelSpec

SPREAD: Final = 110.0  # points: standard deviation of the hidden strengths
TIE_SHARE: Final = 0.33  # chance of a tie between two equal models
BOTH_BAD_SHARE: Final = 0.3  # of the ties, how many are said to be both bad
ROOM: Final = 10**9  # bytes: scripted models take none


@dataclass(frozen=True)
class Rehearsal:
    """What is rehearsed; the same seed draws the same pairs, seats and outcomes."""

    models: Sequence[str]
    raters: int
    votes: int
    seed: int
    questions: Sequence[Question]

    @cached_property
    def strengths(self) -> dict[str, float]:
        """The hidden strengths, in points around 1000."""
        source = random.Random(f"strengths {self.seed}")  # noqa: S311 - a drawing, no secret
        return {name: source.gauss(1000.0, SPREAD) for name in self.models}


async def rehearse(rehearsal: Rehearsal, db: Path, on_vote: Callable[[], None]) -> None:
    """Cast every vote of a rehearsal into a database; `on_vote` is called after each.

    Raises
    ------
    StoreError
        If the database cannot be opened or written.
    """
    store = Store(db)
    settings = _settings(rehearsal)
    pool = Pool(settings.models, ROOM)
    responders = PoolResponders(
        pool, rehearsal.models, Pace("together", 1e9, tick_s=0.0, start_s=0.0), deadline_s=60.0
    )
    source = random.Random(rehearsal.seed)  # noqa: S311 - a drawing, no secret
    battles = Battles(
        store,
        responders,
        settings,
        Signer(load_key(db)),
        questions=rehearsal.questions,
        rater_kind=RaterKind.SIMULATED,
        random_source=source,
    )
    await battles.start()
    await pool.warm(rehearsal.models)  # or what is drawn would depend on what is loaded already
    try:
        for number in range(rehearsal.votes):
            rater = f"simulated-{number % rehearsal.raters + 1:03}"
            await _one_vote(battles, store, rehearsal, rater, source)
            on_vote()
    finally:
        await battles.close()
        await pool.close()
        store.close()


def _settings(rehearsal: Rehearsal) -> Settings:
    models = tuple(
        ModelSpec(
            name=name,
            kind="scripted",
            responses=(f"This is what {number} would say.",),
            behaviour=Behaviour(chunk_characters=1_000),
        )
        for number, name in enumerate(rehearsal.models, start=1)
    )
    return Settings(
        models=models,
        limits=Limits(battles_per_minute=10**9),
        pace=PaceSettings(mode="together", tick_s=0.02),
    )


async def _one_vote(
    battles: Battles, store: Store, rehearsal: Rehearsal, rater: str, source: random.Random
) -> None:
    question = source.choice(rehearsal.questions)
    language = source.choice(sorted(question.text))
    view = await battles.open(
        rater, question.text[language], question_id=question.id, language=language
    )
    await battles.finished(view.battle_id, rater)
    view = await battles.view(view.battle_id, rater)
    showing = store.showing(view.battle_id)
    if view.token is None or showing is None:
        raise RuntimeError(f"Battle {view.battle_id} of a rehearsal did not become ready.")
    outcome = draw_outcome(*_strengths(showing, rehearsal), source)
    # Not from `source`: the same seed may be rehearsed twice into one database.
    await battles.vote(view.token, outcome.value, secrets.token_hex(16), rater)


def _strengths(showing: Showing, rehearsal: Rehearsal) -> tuple[float, float]:
    x, y = rehearsal.strengths[showing.x.name], rehearsal.strengths[showing.y.name]
    return (x, y) if showing.x_sits_at_a else (y, x)


def draw_outcome(strength_a: float, strength_b: float, source: random.Random) -> Outcome:
    """Draw a vote: a tie more often the closer the models are, else by the expected score."""
    expected = float(expected_score(strength_a, strength_b))
    tie = TIE_SHARE * 4 * expected * (1 - expected)
    drawn = source.random()
    if drawn < tie:
        return Outcome.BOTH_BAD if source.random() < BOTH_BAD_SHARE else Outcome.TIE
    # What the tie leaves is split so that the mean score stays the expected one.
    return Outcome.MODEL_A if drawn < tie + expected - tie / 2 else Outcome.MODEL_B
