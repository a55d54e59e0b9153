"""The turns that are being made, and what becomes of them: responses on the disk, or an ending.

A turn belongs to the server and not to a page. Its responses, or why there are none, are stored
before any reader hears of its end. What we fail at makes a battle void; what a model does badly is
shown and voted on. Who may open, read or vote is decided by `arena.battle.battles`.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from arena.battle.draws import Draws
from arena.battle.known import Known
from arena.battle.responding import Responders, Sides
from arena.battle.streaming import Abandoned, Ending, RunningTurn
from arena.errors import AlreadyVoted, BattleNotReady, ModelUnavailable, StoreError
from arena.record.showing import Showing
from arena.record.store import Store
from arena.record.tables import EndingKind
from serving.duet import Finished, Shown
from serving.engine import Done, EngineError, Failed, FailureKind

REMEMBERED: Final = 50_000  # battles that wait for a vote; the store has the rest
# Failures that are no model's own: its rater wrote too much, or others share what broke.
OF_NOBODY: Final = frozenset({FailureKind.CONTEXT, FailureKind.PROCESS_DEAD, FailureKind.CANCELLED})

log = logging.getLogger(__name__)


class Turns:
    """The newest turn of each battle, while somebody makes it."""

    def __init__(
        self,
        store: Store,
        responders: Responders,
        draws: Draws,
        known: Known,
        random_source: random.Random,
        *,
        tick_s: float,
    ) -> None:
        self._store = store
        self._responders = responders
        self._draws = draws
        self._known = known
        self._random = random_source
        self._tick_s = tick_s
        self._running: dict[str, RunningTurn] = {}
        self._starting: dict[str, asyncio.Event] = {}
        self._refused: set[str] = set()  # their rows stand, and their turns came too late
        self._closed = False
        self._ready_since: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many turns are being made."""
        return len(self._running)

    async def close(self) -> None:
        """Stop what is streaming, and begin nothing more; those battles are void.

        Raises
        ------
        StoreError
            If an ending cannot be stored; the others are ended all the same.
        """
        self._closed = True
        cut = [self._cut_off(battle_id) for battle_id in self._running]
        late = [self._cut_off_late(*starting) for starting in self._starting.items()]
        ended = await asyncio.gather(*cut, *late, return_exceptions=True)
        for trouble in ended:
            if trouble is not None:
                raise trouble

    async def _cut_off_late(self, battle_id: str, begun: asyncio.Event) -> None:
        """End a battle whose rows are being written while the server stops."""
        await begun.wait()
        if battle_id in self._refused:
            await self._cut_off(battle_id)

    async def _cut_off(self, battle_id: str) -> None:
        turn = self._running.get(battle_id)
        try:
            with suppress(AlreadyVoted):  # it was complete in this very moment
                # First: a reader who is let go looks why.
                await self._store.end_battle(battle_id, EndingKind.VOID, "the server was stopped")
        finally:
            if turn is not None:
                await turn.cancel()

    @contextmanager
    def starts(self, battle_id: str) -> Iterator[None]:
        """Hold a battle between its rows and its streams: nobody takes it for lost meanwhile.

        Raises
        ------
        BattleNotReady
            If it is held already.
        ModelUnavailable
            If the server is being stopped.
        """
        if self._closed:
            raise _stopping()
        if battle_id in self._starting:
            raise BattleNotReady(f"Battle {battle_id} is taking another prompt.")
        self._starting[battle_id] = asyncio.Event()
        try:
            yield
        finally:
            self._starting.pop(battle_id).set()

    def start(self, showing: Showing) -> None:
        """Have both responses to the newest prompt of a battle made.

        Raises
        ------
        ModelUnavailable
            If the server is being stopped; the battle is ended with the others.
        """
        battle_id = showing.battle_id
        if self._closed:
            self._refused.add(battle_id)
            raise _stopping()
        self._ready_since.pop(battle_id, None)
        sides = Sides.of(showing, self._random)
        began = time.monotonic()

        async def on_end(ending: Ending) -> None:
            await self._end(showing, sides, ending, began)

        def on_over(trouble: BaseException | None) -> None:
            if self._running.get(battle_id) is turn:  # else another one has begun
                del self._running[battle_id]
            if isinstance(trouble, StoreError):  # its sentence says all, a full disk for one
                log.error("battle %s: its turn is lost: %s", battle_id, trouble)
            elif trouble is not None:
                log.error("battle %s: its turn is lost", battle_id, exc_info=trouble)

        strangers = [name for name in sides.names if name not in self._known.models]
        # Its battle may be from before the start; its files may have been mended since.
        duet = _left_out(strangers) if strangers else self._responders.respond(sides)
        turn = RunningTurn(duet, on_end, on_over, tick_s=self._tick_s)
        self._running[battle_id] = turn

    def makes(self, battle_id: str) -> bool:
        """Tell whether somebody makes the responses of a battle."""
        turn = self._running.get(battle_id)
        return battle_id in self._starting or (turn is not None and not turn.over)

    def running(self, battle_id: str) -> RunningTurn | None:
        """Return the turn of a battle, if one is being made."""
        return self._running.get(battle_id)

    async def stop(self, battle_id: str) -> None:
        """Make the turn of a battle no further; its rater has left it."""
        self._ready_since.pop(battle_id, None)
        if (turn := self._running.pop(battle_id, None)) is not None:
            await turn.cancel()

    def dwell_ms(self, battle_id: str, told: int | None) -> int | None:
        """Return for how long a battle has been ready; what the page told where we do not know."""
        since = self._ready_since.get(battle_id)
        return told if since is None else round((time.monotonic() - since) * 1_000)

    def forget(self, battle_id: str) -> None:
        """Forget since when a battle is ready: it was voted on."""
        self._ready_since.pop(battle_id, None)

    async def _end(self, showing: Showing, sides: Sides, ending: Ending, began: float) -> None:
        battle_id = showing.battle_id
        match ending:
            case Abandoned():
                await self._store.end_battle(battle_id, EndingKind.ABANDONED, "nobody read it")
                self._draws.give_back(battle_id)
                self._draws.look_ahead()
            case _ if isinstance(ending.a, Done) and isinstance(ending.b, Done):
                responses = sides.stored(ending, self._known.models)
                await self._store.save_responses(showing.item_id, len(showing.turns) - 1, responses)
                if len(self._ready_since) >= REMEMBERED:
                    self._ready_since.pop(next(iter(self._ready_since)))
                self._ready_since[battle_id] = time.monotonic()
                self._draws.responded(sides.names)
            case _:
                ends = ((ending.a, sides.a.model), (ending.b, sides.b.model))
                failed, blames = _failure(ends)
                number = None if blames is None else self._known.models[blames]
                cause = _line_of(failed)
                await self._store.end_battle(battle_id, EndingKind.VOID, cause, number)
                well = [name for end, name in ends if isinstance(end, Done)]
                self._draws.failed(battle_id, _counted(ending, sides), well, began=began)
                told = f"{failed.kind}: {failed.cause}"
                log.warning("battle %s is void (%s): %s", battle_id, blames or "no model", told)


async def _left_out(models: Sequence[str]) -> AsyncGenerator[Shown | Finished]:
    cause = f"{' and '.join(models)}: left out until the server is started again"
    failed = Failed(FailureKind.BACKEND, cause)
    yield Finished(failed, failed, "", "")


def _stopping() -> ModelUnavailable:
    return ModelUnavailable("The server is being stopped; no further turn begins.")


def _failure(ends: Iterable[tuple[Done | Failed, str]]) -> tuple[Failed, str | None]:
    """Return how a turn failed, and the model whose engine it was if one is known.

    Where both failed it was something that they share, or nobody can tell: then no model is blamed.
    """
    failures = [(end, name) for end, name in ends if isinstance(end, Failed)]
    failures.sort(key=lambda failure: failure[0].kind is FailureKind.CANCELLED)  # it only stopped
    (failed, name), *others = failures
    several = any(other.kind is not FailureKind.CANCELLED for other, _ in others)
    return failed, None if several or failed.kind in OF_NOBODY else name


def _counted(ending: Finished, sides: Sides) -> dict[str, EngineError]:
    """Return the failures that count against whoever had them, also where both had one."""
    if ending.a is ending.b:
        return {}  # of neither: no engine was asked
    ends = ((sides.a.model, ending.a), (sides.b.model, ending.b))
    failures = ((name, end) for name, end in ends if isinstance(end, Failed))
    own = ((name, end) for name, end in failures if end.kind not in OF_NOBODY)
    return {name: EngineError(end.kind, _line_of(end)) for name, end in own}


def _line_of(failed: Failed) -> str:
    """Return why it failed; the lines of a crash after the first tell where things lie on disk."""
    return f"{failed.kind}: {failed.cause}".splitlines()[0]
