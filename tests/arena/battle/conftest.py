"""Battles with scripted engines, and what a rater does in one."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from arena.battle.battles import Battles
from arena.battle.responding import PoolResponders
from arena.battle.views import BattleView
from arena.questions import Question
from arena.record.store import Store
from arena.settings import Limits, PaceSettings, Settings
from arena.signing import Signer
from serving.duet import Pace
from serving.engine import Engine
from serving.pool import Pool
from serving.spec import Behaviour, ModelSpec

BAT = Question("bat", "biology", {"en": "Is a bat a mammal?", "zh": "蝙蝠是哺乳动物吗？"})
Make = Callable[..., Awaitable[Battles]]
Build = Callable[[ModelSpec], Engine]


def scripted(name: str, *said: str, **behaviour: Any) -> ModelSpec:  # noqa: ANN401 - pydantic checks
    return ModelSpec(
        name=name, kind="scripted", responses=said or ("Yes.",), behaviour=Behaviour(**behaviour)
    )


OAK, PINE = scripted("oak", "It is."), scripted("pine", "It is not.")


@pytest.fixture
async def make(store: Store) -> AsyncIterator[Make]:
    opened: list[tuple[Battles, Pool]] = []

    async def new(
        *models: ModelSpec, limits: Limits | None = None, build: Build | None = None
    ) -> Battles:
        settings = Settings(
            models=models or (OAK, PINE),
            limits=limits or Limits(),
            pace=PaceSettings(tick_s=0.02, deadline_s=60.0),
        )
        pool = Pool(settings.models, 10**9, build=build)
        names = [model.name for model in settings.models]
        responders = PoolResponders(pool, names, Pace("together", 1000.0, 0.001, 0.0), 60.0)
        battles = Battles(
            store,
            responders,
            settings,
            Signer(b"k" * 32),
            questions=[BAT],
            random_source=random.Random(0),  # noqa: S311 - a fixed draw
        )
        await battles.start()
        opened.append((battles, pool))
        return battles

    yield new
    for battles, pool in opened:
        await battles.close()
        await pool.close()


async def shown(battles: Battles, view: BattleView, rater: str = "ada") -> BattleView:
    async for _ in battles.stream(view.battle_id, rater):
        pass
    return await battles.view(view.battle_id, rater)


async def ready(battles: Battles, prompt: str = "Is a bat a mammal?") -> BattleView:
    return await shown(battles, await battles.open("ada", prompt))


def token(view: BattleView) -> str:
    assert view.token is not None
    return view.token
