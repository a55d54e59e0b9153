"""Puts a server together from its settings: store, pool, battles, and what they share.

What stands here is construction and nothing else; pages and commands decide when.
"""

import itertools
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from arena.battle.battles import Battles
from arena.battle.responding import PoolResponders
from arena.errors import ConfigError
from arena.lacks import Lack, lack_in_files, lack_of, no_room
from arena.pools import pool_of
from arena.questions import QuestionBank, load_bank
from arena.record.store import Store
from arena.settings import TWO, Settings
from arena.signing import Signer, load_key
from serving.duet import Pace
from serving.pool import Pool

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arena:
    """What a running server consists of."""

    settings: Settings
    bank: QuestionBank | None
    store: Store
    signer: Signer
    pool: Pool
    responders: PoolResponders
    battles: Battles


def open_store(settings: Settings) -> tuple[Store, Signer]:
    """Open the database of some settings, and its key.

    Raises
    ------
    StoreError
        If the database cannot be opened.
    """
    path = Path(settings.arena.db)
    store = Store(path)
    return store, Signer(load_key(path))


def put_together(settings: Settings, store: Store, signer: Signer) -> Arena:
    """Return the parts of a server; nothing runs yet.

    Raises
    ------
    QuestionBankError
        If the bank that the settings name cannot be used.
    """
    questions = settings.arena.questions
    bank = None if questions is None else load_bank(questions)
    pool = pool_of(settings.models, settings.pool)
    pace = settings.pace
    responders = PoolResponders(
        pool,
        [model.name for model in settings.models],
        Pace(pace.mode, pace.characters_per_second, pace.tick_s, pace.start_s),
        pace.deadline_s,
    )
    battles = Battles(store, responders, settings, signer, questions=bank or ())
    return Arena(settings, bank, store, signer, pool, responders, battles)


def _check_room(settings: Settings, left_out: Collection[str]) -> None:
    """Refuse to open an arena in which no prompt can be sent.

    A model that only rests counts too: it is tried again, and may come back at any time.
    """
    for number, spec in enumerate(settings.models):
        if (lack := no_room(spec)) is not None and spec.name not in left_out:
            raise ConfigError(
                f"{settings.place('models', number, lack.field)}: no prompt can be sent to any "
                f"model: {lack.what}. To open the arena, {lack.way_out}."
            )


def _reasons(arena: Arena, left_out: Mapping[str, Lack]) -> dict[str, str]:
    """Return who cannot respond at the start, and why; the pool knows only whom it has tried."""
    out = {name: f"{lack.what}; {lack.way_out}" for name, lack in left_out.items()}
    out |= arena.pool.standing.unavailable()
    reasons = {}
    for number, spec in enumerate(arena.settings.models):
        if spec.name in out:
            lack = left_out.get(spec.name) or lack_of(spec, out[spec.name])
            cause = out[spec.name].removeprefix(f"{spec.name}: ")
            place = arena.settings.place("models", number, *filter(None, [lack.field]))
            reasons[spec.name] = f"{place}: {spec.name}: {cause}"
    return reasons


def _check_models(arena: Arena, left_out: Mapping[str, Lack]) -> None:
    """Refuse to open an arena in which no battle can be, or in which two models can never meet."""
    reasons = _reasons(arena, left_out)
    there = [model.name for model in arena.settings.models if model.name not in reasons]
    if len(there) < TWO:
        told = "\n".join(f"  {reason}" for reason in reasons.values())
        raise ConfigError(
            f"Fewer than two models of the roster can respond:\n{told}\n"
            "Correct the roster; `arena doctor CONFIG` says more."
        )
    for name, reason in reasons.items():
        until = "until it is started again" if name in left_out else "and tries again"
        log.warning("%s. The arena opens without it, %s.", reason, until)
    for pair in itertools.combinations(there, TWO):
        if (refusal := arena.pool.refusal(*pair)) is not None:
            raise ConfigError(
                f"Two models of the roster can never meet: {refusal}. "
                "Give [pool] more memory, quantize one of them, or leave one out."
            )


@asynccontextmanager
async def running(arena: Arena) -> AsyncIterator[None]:
    """Load what fits, serve, and on the way out stop streams before the store is closed."""
    async with AsyncExitStack() as ends:  # from the last to the first, whatever one of them raises
        ends.callback(arena.store.close)  # also where a second Ctrl+C cuts the rest short
        ends.push_async_callback(arena.pool.close)
        ends.push_async_callback(arena.battles.close)
        models = arena.settings.models
        lacks = {model.name: lack for model in models if (lack := lack_in_files(model))}
        _check_room(arena.settings, lacks)  # at once: loading takes minutes
        await arena.pool.warm(model.name for model in models)
        # What lacks something and serves all the same counts; most have had no room to try it.
        loaded = arena.pool.resident()
        left_out = {name: lack for name, lack in lacks.items() if name not in loaded}
        _check_room(arena.settings, left_out)
        await arena.battles.start(left_out)
        _check_models(arena, left_out)
        await arena.responders.measure()
        yield
