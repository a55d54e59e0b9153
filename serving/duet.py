"""Two streams as one, so that nothing but the text tells the two sides apart.

Speed, time to the first token and chunk size would name a model to whoever watches for a while.
So both sides are shown at one fixed rate, the same for the whole roster; they start together and
they end together, at a moment that follows from the longer text alone. Only when a side has nothing
more to show do both pause: `serving.tempo` keeps the rate below what the slowest model makes. The
pace knows characters and seconds; it does not know models.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

from serving.engine import Delta, Done, Event, Failed, FailureKind, Terminal

ROUNDING = 1e-6  # characters: sums of ticks fall short of whole numbers by less


@dataclass(frozen=True, slots=True)
class Pace:
    """How text is shown; one pace for all models."""

    mode: Literal["paced", "together"] = "paced"
    """``paced`` shows text as it comes; ``together`` shows both sides whole, in the moment in which
    they would have been shown to their end."""
    characters_per_second: float = 60.0
    """At most what the slowest model of the roster makes, or its pauses tell that it is there."""
    tick_s: float = 0.1
    """Seconds between two showings."""
    start_s: float = 0.3
    """Seconds before the first showing, so that a quick first token tells nothing."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a rater may see now: all text so far of each side."""

    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Finished:
    """How both sides ended; the texts are all that was made, shown or not."""

    a: Terminal
    b: Terminal
    text_a: str
    text_b: str


@dataclass(slots=True)
class _Side:
    """One stream as it is read."""

    text: str = ""
    end: Terminal | None = None
    pieces: list[str] = field(default_factory=list)

    def gather(self) -> None:
        if self.pieces:
            self.text += "".join(self.pieces)
            self.pieces.clear()

    async def read(self, stream: AsyncIterator[Event]) -> None:
        try:
            async for event in stream:
                if isinstance(event, Delta):
                    self.pieces.append(event.text)
                else:
                    self.end = event
                    return
            self.end = Failed(FailureKind.BACKEND, "the stream ended without a word")
        except Exception as error:  # noqa: BLE001 -- a battle must end, whatever an engine does
            self.end = Failed(FailureKind.BACKEND, f"{type(error).__name__}: {error}")
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()


async def duet(
    a: AsyncIterator[Event],
    b: AsyncIterator[Event],
    pace: Pace | None = None,
    *,
    deadline_s: float | None = None,
) -> AsyncGenerator[Shown | Finished]:
    """Show two streams at one pace; the last event is the one `Finished`.

    Parameters
    ----------
    deadline_s : float, optional
        Seconds until a side that is not done fails, and with it the battle.
    """
    pace = pace or Pace()
    sides = (_Side(), _Side())
    readers = [asyncio.create_task(side.read(s)) for side, s in zip(sides, (a, b), strict=True)]
    try:
        async for shown in _show(sides, pace, deadline_s):
            yield shown
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    yield _finished(sides)


async def _show(
    sides: tuple[_Side, _Side], pace: Pace, deadline_s: float | None
) -> AsyncGenerator[Shown]:
    now = asyncio.get_running_loop().time
    start = last = now()
    place = 0.0  # characters shown of either side
    shown = Shown("", "")
    while True:
        await asyncio.sleep(pace.tick_s)
        for side in sides:
            side.gather()
        if deadline_s is not None and now() - start >= deadline_s:
            _give_up(sides, deadline_s)
        if any(isinstance(side.end, Failed) for side in sides):
            return
        elapsed, last = now() - last, now()
        if not _may_start(sides, pace, now() - start):
            continue
        step = math.inf if pace.mode == "together" else pace.characters_per_second * elapsed
        place = min(place + step, _common_room(sides))
        frame = Shown(*(_first(side.text, place) for side in sides))
        if frame != shown:
            shown = frame
            yield shown
        if _all_shown(sides, place):
            return


def _may_start(sides: tuple[_Side, _Side], pace: Pace, waited: float) -> bool:
    waited += pace.tick_s / 2  # a tick that comes a little early counts
    if pace.mode == "together":
        # As soon as both are done would tell how fast they are.
        longest = max(len(side.text) for side in sides)
        due = pace.start_s + longest / pace.characters_per_second
        return waited > due and all(side.end for side in sides)
    return waited > pace.start_s and all(side.text or side.end for side in sides)


def _common_room(sides: tuple[_Side, _Side]) -> float:
    """Return how far both may be shown: a side that is still being made holds the other back."""
    return min((len(side.text) for side in sides if side.end is None), default=math.inf)


def _first(text: str, place: float) -> str:
    place += ROUNDING
    return text if place >= len(text) else text[: int(place)]


def _all_shown(sides: tuple[_Side, _Side], place: float) -> bool:
    return all(side.end is not None and place + ROUNDING >= len(side.text) for side in sides)


def _give_up(sides: tuple[_Side, _Side], deadline_s: float) -> None:
    for side in sides:
        if side.end is None:
            side.end = Failed(FailureKind.DEADLINE, f"not done after {deadline_s} s")


def _finished(sides: tuple[_Side, _Side]) -> Finished:
    for side in sides:
        side.gather()
    other = Failed(FailureKind.CANCELLED, "the other side failed")
    ends = [side.end if isinstance(side.end, Done | Failed) else other for side in sides]
    return Finished(ends[0], ends[1], sides[0].text, sides[1].text)
