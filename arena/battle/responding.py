"""From a battle to its two streams: which model hears what, and what is stored of its response.

Everything about seats ends here: the engines below know only messages.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from arena.pairing.cycles import TWO
from arena.record.entering import NewResponse
from arena.record.showing import Showing, StoredModel
from serving.duet import Finished, Pace, Shown, duet
from serving.engine import DEATHS, Done, Engine, EngineError, Failed, Message, Prompt
from serving.pool import Pool
from serving.tempo import Tempo
from serving.watch import Watch

SEED_BITS: Final = 31
OUTLAST_S: Final = 5.0  # seconds that a battle or turn waits for models that rest
LOOK_S: Final = 0.1  # seconds between two looks at whether they still do
REMEMBERED: Final = 10_000  # sets of models of which it is known whether they fit


@dataclass(frozen=True)
class Side:
    """One seat of a turn: its model, its place in the item, and its conversation so far."""

    place: str
    model: str
    messages: tuple[Message, ...]
    seed: int


@dataclass(frozen=True)
class Sides:
    """Both seats of the newest turn of a battle."""

    a: Side
    b: Side

    @classmethod
    def of(cls, showing: Showing, random_source: random.Random) -> "Sides":
        """Return the seats of a battle, each with a seed of its own."""
        x = _side("x", showing.x, showing, random_source)
        y = _side("y", showing.y, showing, random_source)
        return cls(x, y) if showing.x_sits_at_a else cls(y, x)

    @property
    def names(self) -> tuple[str, str]:
        """The names of both models."""
        return self.a.model, self.b.model

    def stored(self, finished: Finished, model_ids: Mapping[str, int]) -> list[NewResponse]:
        """Return both responses as they are to be stored.

        Raises
        ------
        TypeError
            If a side failed: then there is nothing to store.
        """
        return [
            _stored(self.a, finished.a, finished.text_a, model_ids),
            _stored(self.b, finished.b, finished.text_b, model_ids),
        ]


class Responders(Protocol):
    """Whoever makes responses; battles know no pool of engines."""

    def available(self) -> list[str]:
        """Return the names of the models that can respond."""

    def resident(self) -> list[str]:
        """Return the names of the models that can respond without a load."""

    def fit(self, models: Collection[str]) -> bool:
        """Tell whether models can be in memory at one time."""

    def expect(self, models: Collection[str]) -> None:
        """Hear which models come next, instead of what was said before."""

    async def wait_for_two(self, models: Collection[str]) -> None:
        """Wait until two of these can respond, if that is soon."""

    def leave_alone(self, model: str, error: EngineError, *, shared: bool) -> None:
        """Hear that a model keeps failing, and why: it is not available for a while.

        If others fail with it, one battle tells for all of them whether that is over.
        """

    def respond(self, sides: Sides) -> AsyncGenerator[Shown | Finished]:
        """Stream both responses at one pace."""


class PoolResponders:
    """Live responses from a pool of engines; `models` are the names it serves."""

    def __init__(self, pool: Pool, models: Iterable[str], pace: Pace, deadline_s: float) -> None:
        self._pool = pool
        self._standing = pool.standing
        self._models = tuple(models)
        self._tempo = Tempo(pace)
        self._deadline_s = deadline_s
        self._fitting: dict[frozenset[str], bool] = {}
        self._measured: set[str] = set()
        self._expected: frozenset[str] = frozenset()
        self._ahead: asyncio.Task[None] | None = None

    def available(self) -> list[str]:
        """Return the names of the models that can serve now."""
        out = self._standing.unavailable()
        return [model for model in self._models if model not in out]

    def resident(self) -> list[str]:
        """Return the names of the models that are loaded."""
        return list(self._pool.resident())

    def fit(self, models: Collection[str]) -> bool:
        """Tell whether models can be in memory at one time."""
        news = not self._measured.issuperset(loaded := self._pool.resident())
        if news or len(self._fitting) >= REMEMBERED:
            self._measured.update(loaded)
            self._fitting.clear()  # a model's size is an estimate until it is loaded
        wanted = frozenset(models)
        if wanted not in self._fitting:
            self._fitting[wanted] = self._pool.refusal(*wanted) is None
        return self._fitting[wanted]

    def expect(self, models: Collection[str]) -> None:
        """Load models ahead where there is room; what was to be loaded before is given up."""
        wanted = frozenset(models)
        if self._ahead is not None and not self._ahead.done():
            if wanted == self._expected:
                return
            self._ahead.cancel()
        self._expected = wanted
        self._ahead = asyncio.create_task(self._pool.prefetch(sorted(wanted)))

    async def wait_for_two(self, models: Collection[str]) -> None:
        """Wait until two of these can respond, if rests of a moment are all that keeps them."""
        watch = Watch()
        while (rest_s := OUTLAST_S - watch.seconds) > 0:
            soon = [model for model in models if self._standing.rest_ends_within(model, rest_s)]
            if len(set(models).intersection(self.available())) >= TWO or len(soon) < TWO:
                return
            await asyncio.sleep(LOOK_S)

    def leave_alone(self, model: str, error: EngineError, *, shared: bool) -> None:
        """Let a model rest that keeps failing; the next whole response ends that."""
        self._standing.leave_alone(model, error, shared=shared)

    async def respond(self, sides: Sides) -> AsyncGenerator[Shown | Finished]:
        """Stream both responses at one pace; an engine that cannot be had is a failure of ours.

        An engine that dies before anything is shown may have been dying already: the turn is made
        once more, with another one, in what is left of its deadline. Loading is in no deadline. A
        short rest is waited for: after a death, or until all others let a dead engine go.
        """
        models = sides.names
        shown = False
        left_s = self._deadline_s
        try:
            for last in (False, True):
                left_s -= await self._outlast(models, left_s)
                async with (
                    self._pool.engines(*models) as engines,
                    aclosing(self._play(sides, engines, left_s)) as events,
                ):
                    watch = Watch()
                    async for event in events:
                        if not (shown or last) and _died(event):
                            self._standing.excuse(*models)
                            left_s = max(left_s - watch.seconds, 0.0)
                            break
                        shown = True
                        yield event
                    else:
                        return
        except EngineError as error:
            failed = Failed(error.kind, error.cause)
            yield Finished(failed, failed, "", "")

    async def _outlast(self, models: Collection[str], left_s: float) -> float:
        """Wait while models rest, where that ends soon: a rater waits too. Return the seconds."""
        watch, standing, most = Watch(), self._standing, min(OUTLAST_S, left_s)
        while (away := list(filter(standing.turns_away, models))) and watch.seconds < most:
            if not all(standing.rest_ends_within(model, most - watch.seconds) for model in away):
                break
            await asyncio.sleep(LOOK_S)
        return min(watch.seconds, left_s)

    async def _play(
        self, sides: Sides, engines: tuple[Engine, ...], left_s: float
    ) -> AsyncGenerator[Shown | Finished]:
        streams = []
        for side, engine in zip((sides.a, sides.b), engines, strict=True):
            await self._tempo.measure(side.model, engine)
            prompt = Prompt(side.messages, seed=side.seed, deadline_s=left_s)
            streams.append(engine.stream(prompt))
        pace = self._tempo.pace(sides.a.messages[-1].content)
        async with aclosing(duet(streams[0], streams[1], pace, deadline_s=left_s)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self._learn(sides, event)
                yield event

    async def measure(self) -> None:
        """Find out how fast the models are that are loaded, one after the other."""
        for name in self._pool.resident():
            async with self._pool.engine(name) as engine:
                await self._tempo.measure(name, engine)

    def _learn(self, sides: Sides, ended: Finished) -> None:
        """Note that models are well, and how fast they were."""
        results = ((sides.a, ended.a, ended.text_a), (sides.b, ended.b, ended.text_b))
        for side, end, text in results:
            if isinstance(end, Done):
                self._standing.forgive(side.model)
                self._tempo.learn(side.model, text, end)


def _died(event: Shown | Finished) -> bool:
    ends = (event.a, event.b) if isinstance(event, Finished) else ()
    return any(isinstance(end, Failed) and end.kind in DEATHS for end in ends)


def _side(place: str, model: StoredModel, showing: Showing, random_source: random.Random) -> Side:
    messages: list[Message] = []
    for turn in showing.turns:
        messages.append(Message("user", turn.prompt))
        response = turn.x if place == "x" else turn.y
        if response is not None:
            messages.append(Message("assistant", response.text))
    return Side(place, model.name, tuple(messages), random_source.getrandbits(SEED_BITS))


def _stored(side: Side, end: Done | Failed, text: str, model_ids: Mapping[str, int]) -> NewResponse:
    if not isinstance(end, Done):
        raise TypeError(f"{side.model} failed; there is no response to store.")
    return NewResponse(
        place=side.place,
        model_id=model_ids[side.model],
        text=text,
        finish_reason=end.finish_reason,
        tokens=end.tokens,
        seconds=end.seconds,
        first_token_seconds=end.first_token_seconds or 0.0,
        seed=side.seed,
    )
