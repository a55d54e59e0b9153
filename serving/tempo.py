"""How fast every pair of a roster may be shown: as fast as the slowest model of all makes text.

A pair shown faster than it is made must pause, and a pause tells that a slow model is there. So
each model is measured, once with a prompt of ours before its first battle and then with every
response, and all pairs get one pace that follows from the whole roster. What of a response a rater
may see, and when, is known by `serving.duet`.

A model may be much slower in one script than in another, as its tokens are shorter there. So text
that is mostly ASCII and other text are measured apart, and a battle's pace is that of its prompt's.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from serving.duet import Pace, size_of
from serving.engine import Delta, Done, Engine, Failed, Message, Prompt
from serving.text import is_ascii

log = logging.getLogger(__name__)

MARGIN: Final = 0.8  # of the slowest rate: a model may be slower in the next battle
PATIENCE: Final = 1.25  # times the slowest first token, for the same reason
REMEMBERED: Final = 16  # responses of each model; older ones tell of another load
# Of its rate in ASCII text, until a model has said anything else. A Chinese character is three
# bytes and often a token, an English token up to eight: 0.375, and with the margin this is 0.32.
OTHERWISE: Final = 0.4
# Times slower than the next of a few responses: a bad moment. Less is how it is with others beside
# it, and a model is first measured alone.
STALL: Final = 3.0
TOKENS: Final = 4  # fewer say nothing of a rate
MOST: Final = 1e9  # tokens or seconds; nobody counted more
MEASURE_S: Final = 5.0  # the longest measurement before a first battle
ASKED: Final = Prompt(
    (Message("user", "Count from one to one hundred."),), max_tokens=48, deadline_s=MEASURE_S
)


class Tempo:
    """The pace of a roster; `wanted` is how it would be with models of any speed."""

    def __init__(self, wanted: Pace) -> None:
        self._wanted = wanted
        self._rates: dict[bool, dict[str, deque[float]]] = {True: {}, False: {}}
        """Bytes a second of each model, in text that is mostly ASCII and in other text."""
        self._firsts: dict[str, deque[float]] = {}  # seconds to the first token
        self._asked: dict[str, asyncio.Task[None]] = {}

    def pace(self, prompt: str = "") -> Pace:
        """Return the pace of a battle that starts now, whichever its models are."""
        slowest = MARGIN * min(self._slowest(ascii_text=is_ascii(prompt)), default=math.inf)
        latest = PATIENCE * max(map(_high, self._firsts.values()), default=0.0)
        together = self._wanted.mode == "together"  # nobody reads along, so nothing is too quick
        ceiling = math.inf if together else self._wanted.characters_per_second
        return replace(
            self._wanted,
            characters_per_second=min(ceiling, slowest),
            start_s=max(self._wanted.start_s, latest),
        )

    def _slowest(self, *, ascii_text: bool) -> Iterator[float]:
        """Yield how fast each model is sure to be in a kind of text."""
        for name in {**self._rates[True], **self._rates[False]}:
            if said := self._rates[ascii_text].get(name):
                yield _low(said)
            else:
                yield OTHERWISE * _low(self._rates[not ascii_text][name])

    async def measure(self, name: str, engine: Engine) -> None:
        """Let a model respond to a prompt of ours, once; who comes meanwhile waits too."""
        if name not in self._asked:
            self._asked[name] = asyncio.create_task(self._measure(name, engine))
        await asyncio.shield(self._asked[name])

    def learn(self, name: str, text: str, end: Done) -> None:
        """Take a response into account, unless what is said of it cannot be."""
        if end.first_token_seconds is None:
            return
        if all(map(_is_sane, (end.tokens, end.first_token_seconds, end.seconds))):
            self._note(name, text, end.tokens, end.first_token_seconds, end.seconds)

    async def _measure(self, name: str, engine: Engine) -> None:
        clock = asyncio.get_running_loop().time
        start, times, text, cause = clock(), list[float](), "", "it said nothing"
        try:
            async with asyncio.timeout(2 * MEASURE_S), aclosing(engine.stream(ASKED)) as events:
                async for event in events:
                    if not isinstance(event, Delta):
                        cause = event.cause if isinstance(event, Failed) else cause
                        break
                    times.append(clock() - start)
                    text += event.text
        except Exception as error:  # noqa: BLE001 -- the battle must go on, whatever an engine does
            cause = f"{type(error).__name__}: {error}"
        if times:
            self._note(name, text, len(times), times[0], times[-1])
        else:
            log.warning("%s could not be measured: %s", name, cause)

    def _note(self, name: str, text: str, tokens: int, first: float, last: float) -> None:
        self._firsts.setdefault(name, deque(maxlen=REMEMBERED)).append(first)
        if text and tokens >= TOKENS and last > first:  # of no text nothing could be shown, ever
            rates = self._rates[is_ascii(text)].setdefault(name, deque(maxlen=REMEMBERED))
            rates.append(size_of(text) * (tokens - 1) / tokens / (last - first))


def _is_sane(figure: object) -> bool:
    return isinstance(figure, int | float) and 0 <= figure <= MOST


def _low(values: Collection[float]) -> float:
    """Return the lower quartile; of a few the lowest, unless one bad moment made it."""
    ordered = sorted(values)
    return max(ordered[len(ordered) // 4], ordered[:2][-1] / STALL)


def _high(values: Collection[float]) -> float:
    """Return the upper quartile; of a few the highest, unless one bad moment made it."""
    ordered = sorted(values, reverse=True)
    return min(ordered[len(ordered) // 4], ordered[:2][-1] * STALL)
