"""From models and `[pool]` to the pool that serves them: for a server and for responses ahead."""

from collections.abc import Sequence
from functools import partial

from arena.settings import PoolSettings
from serving.budget import parts_of
from serving.build import Builder, apart_of
from serving.pool import Pool
from serving.spec import ModelSpec


def pool_of(models: Sequence[ModelSpec], settings: PoolSettings) -> Pool:
    """Return a pool with nothing loaded.

    Raises
    ------
    ConfigError
        If a device is named that is not there, or the cards do not answer.
    """
    apart = apart_of(settings.processes, models)
    return Pool(
        models,
        settings.rooms(),
        build=Builder(apart),
        measure=partial(parts_of, own_process=apart == "model"),
    )
