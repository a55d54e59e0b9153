"""One model's turn in a study: it responds to everything that is missing, in one large batch.

A response is stored in the moment it is whole. A response that fails is told and left for the next
run; where a server failed, only after a second try. A server that is left alone for a while is
waited for. An engine that dies is loaded again, and what died with it comes last, fewer at a time
and then each by itself: neither a crash nor a prompt that kills must cost a night. Which models
there are, and in what memory, is not known here.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Final, Protocol

from arena.record.ahead import Key, MadeResponse
from arena.record.store import Store
from serving.engine import DEATHS, Delta, Done, Engine, EngineError, Failed, FailureKind, Prompt
from serving.pool import Pool

LIVES: Final = 9  # deaths of one model's engine after which it is given up
RESTS: Final = 8  # of a server, one after the other, after which its model is given up
LOOK_S: Final = 0.5  # seconds between two looks at whether a rest is over
LOOKS: Final = 32  # in one rest: a server may be asked again after 15 s
NARROWER: Final = 8  # times fewer at once among which a prompt is looked for that kills
ONCE_MORE: Final = (FailureKind.BACKEND, FailureKind.PROMPT)  # it may have been a bad moment


class Watcher(Protocol):
    """Whoever looks on."""

    def begin(self, model: str, stored: int, wanted: int) -> None:
        """Hear that a model's turn has come, and what of it is stored already."""

    def made(self, tokens: int) -> None:
        """Hear of a response that is stored."""

    def failed(self) -> None:
        """Hear of a response that was not made."""

    def waits(self, models: Sequence[str], seconds: float, times: int) -> None:
        """Hear that only models are left whose servers are away, and how often these are asked."""


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
class Wanted:
    """One response that is missing."""

    key: Key
    question: str
    prompt: Prompt


class Turn:
    """The turn of one model; `checkpoint` is the hash of the files that respond."""

    def __init__(
        self,
        tally: Tally,
        missing: Sequence[Wanted],
        checkpoint: str,
        store: Store,
        watcher: Watcher,
    ) -> None:
        self.tally = tally
        self.missing = missing
        self._checkpoint = checkpoint
        self._store = store
        self._watcher = watcher
        self._left = deque(missing)
        self._lost: list[Wanted] = []  # with the engine, be it by their fault or another's
        self._deadly: set[Wanted] = set()  # alone with an engine when it died
        self._again: set[Wanted] = set()  # what a server failed at once
        self._rests = 0  # of a server, since the last response
        self._away: Failed | None = None  # how the first of them began
        self._why: EngineError | Failed | None = None  # what its engine died of last

    async def take(self, pool: Pool, at_once: int) -> None:
        """Respond to everything that is missing, so many at a time.

        Raises
        ------
        StoreError
            If a response could not be stored.
        """
        lives = LIVES
        widths = chain((at_once, max(1, at_once // NARROWER)), repeat(1))
        try:
            while self._left and lives:
                width = next(widths)
                while self._left and lives:
                    lives -= await self._live(pool, width)
                self._left.extend(self._lost)
                self._lost.clear()
        except EngineError as error:
            self._why = error
        self.give_up("" if self._why is None else _words(self._why))

    def give_up(self, cause: str) -> None:
        """Tell of everything that is left that it was not made."""
        for wanted in (*self._left, *self._lost):
            self._fail(wanted, cause)
        self._left.clear()
        self._lost.clear()

    async def _live(self, pool: Pool, at_once: int) -> bool:
        """Respond until nothing is left, or the engine has died; return whether it has."""
        before, made = len(self._lost), self.tally.made
        try:
            async with pool.engine(self.tally.model) as engine:
                await self._together(engine, at_once)
                while self._left and len(self._lost) == before:
                    await self._outlast(engine)
                    await self._together(engine, at_once)
                # If it died: it is loaded again without a rest.
                pool.standing.excuse(self.tally.model)
        except EngineError as error:
            if error.kind not in DEATHS:
                raise
            self._why = error  # it died while it was loaded
            await self._settle(pool)
            return True
        if self.tally.made > made:
            pool.standing.forgive(self.tally.model)
        if at_once == 1 and len(self._lost) > before:
            self._died_alone()
            return True
        return len(self._lost) > before

    def _died_alone(self) -> None:
        """Give a prompt up that was alone with a dying engine twice; once may be a coincidence."""
        wanted = self._lost[-1]
        if wanted in self._deadly:
            self._fail(self._lost.pop(), "" if self._why is None else _words(self._why))
        self._deadly.add(wanted)

    async def _settle(self, pool: Pool) -> None:
        """Wait until a model that died while it was loaded may be loaded again."""
        standing = pool.standing
        while self.tally.model in standing.unavailable():  # noqa: ASYNC110 -- the pool tells nobody
            await asyncio.sleep(LOOK_S)

    async def _together(self, engine: Engine, at_once: int) -> None:
        """Respond until nothing is left, or the engine serves no more."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(self._left), at_once)):
                    group.create_task(self._work(engine))
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None

    async def _outlast(self, engine: Engine) -> None:
        """Wait until a server that is left alone may be asked again.

        Raises
        ------
        EngineError
            If it was left alone too often with no response between.
        """
        self._rests += 1
        if self._rests > RESTS and self._away is not None:
            raise EngineError(self._away.kind, self._away.cause)
        for _ in range(LOOKS):
            if engine.health() is None:
                return
            await asyncio.sleep(LOOK_S)

    async def _work(self, engine: Engine) -> None:
        """Make one response after the other until none is left, or the engine serves no more."""
        while self._left:
            wanted = self._left.popleft()
            text, end = await respond(engine, wanted.prompt)
            if isinstance(end, Done):
                self._rests, self._away = 0, None
                await self._keep(wanted, text, end)
            elif end.kind in DEATHS:
                self._lost.append(wanted)
                self._why = end
                return
            elif engine.health() is not None:
                self._left.append(wanted)
                self._away = self._away or end
                return
            elif end.kind in ONCE_MORE and wanted not in self._again:
                self._again.add(wanted)
                self._left.append(wanted)
            else:
                self._fail(wanted, _words(end))

    async def _keep(self, wanted: Wanted, text: str, end: Done) -> None:
        made = MadeResponse(
            key=wanted.key,
            checkpoint=self._checkpoint,
            text=text,
            finish_reason=end.finish_reason,
            tokens=end.tokens,
            seconds=end.seconds,
            first_token_seconds=end.first_token_seconds or 0.0,
            seed=wanted.prompt.seed,
        )
        await self._store.save_ahead(made)
        self.tally.made += 1
        self.tally.tokens += end.tokens
        self._watcher.made(end.tokens)

    def _fail(self, wanted: Wanted, cause: str) -> None:
        self.tally.failures.append(Failure(wanted.question, wanted.key.language, cause))
        self._watcher.failed()


def _words(why: EngineError | Failed) -> str:
    return f"{why.kind}: {why.cause}"


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
