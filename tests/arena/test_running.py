"""A server put together: an arena in which two models can never meet does not open."""

from pathlib import Path

import pytest

from arena.errors import ConfigError
from arena.running import open_store, put_together, running
from arena.settings import ArenaSettings, PoolSettings, Settings
from arena.shipped import shipped
from serving.spec import ModelSpec

MIB = 2**20


def settings(folder: Path, memory_mib: float) -> Settings:
    models = tuple(
        ModelSpec(
            name=name,
            checkpoint=str(shipped(f"models/{name}")),
            context_tokens=512,
            output_tokens=48,
        )
        for name in ("pebble-1m", "willow-1m")
    )
    return Settings(
        arena=ArenaSettings(db=folder / "arena.db"),
        pool=PoolSettings(memory_gib=memory_mib / 1024, processes="none"),
        models=models,
    )


async def test_models_that_can_never_meet_are_told_before_the_first_battle(tmp_path: Path) -> None:
    chosen = settings(tmp_path, memory_mib=40)  # each alone, not both
    arena = put_together(chosen, *open_store(chosen))
    with pytest.raises(ConfigError, match=r"pebble-1m and willow-1m need .* together") as refusal:
        async with running(arena):
            pass
    assert "Give [pool] more memory" in str(refusal.value)
