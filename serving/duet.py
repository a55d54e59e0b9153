"""Two streams as one, so that nothing but the text tells the two sides apart.

Speed, time to the first token and chunk size would name a model to whoever watches for a while.
So both sides are shown at one fixed rate, the same for the whole roster; they start together and
they end together, at a moment that follows from the longer text alone. Only when a side has nothing
more to show do both pause: `serving.tempo` keeps the rate below what the slowest model makes. The
pace knows letters and seconds; it does not know models.

Text is counted in bytes of UTF-8: a Latin letter is one, a Chinese character three. So a token is
about as much in either script, and as much to read.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

from serving.engine import Delta, Done, Event, Failed, FailureKind, Terminal

ROUNDING = 1e-6  # bytes: sums of ticks fall short of whole numbers by less


@dataclass(frozen=True, slots=True)
class Pace:
    """How text is shown; one pace for all models."""

    mode: Literal["paced", "together"] = "paced"
    """``paced`` shows text as it comes; ``together`` shows both sides whole, in the moment in which
    they would have been shown to their end."""
    characters_per_second: float = 60.0
    """In Latin letters; others count as many as they have bytes in UTF-8. At most what the slowest
    model of the roster makes, or its pauses tell that it is there."""
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
    size: int = 0
    end: Terminal | None = None
    pieces: list[str] = field(default_factory=list)

    def gather(self) -> None:
        if self.pieces:
            more = "".join(self.pieces)
            self.text += more
            self.size += size_of(more)
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
    place = 0.0  # how much is shown of either side
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
        frame = Shown(*(_first(side, place) for side in sides))
        if frame != shown:
            shown = frame
            yield shown
        if _all_shown(sides, place):
            return


def _may_start(sides: tuple[_Side, _Side], pace: Pace, waited: float) -> bool:
    waited += pace.tick_s / 2  # a tick that comes a little early counts
    if pace.mode == "together":
        # As soon as both are done would tell how fast they are.
        longest = max(side.size for side in sides)
        due = pace.start_s + longest / pace.characters_per_second
        return waited > due and all(side.end for side in sides)
    return waited > pace.start_s and all(side.text or side.end for side in sides)


def _common_room(sides: tuple[_Side, _Side]) -> float:
    """Return how far both may be shown: a side that is still being made holds the other back."""
    return min((side.size for side in sides if side.end is None), default=math.inf)


def size_of(text: str) -> int:
    """Return how much a text is to show: its bytes in UTF-8."""
    return len(text) if text.isascii() else len(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # half a pair is no reason to fail


def _first(side: _Side, place: float) -> str:
    """Return the whole characters that a place is past."""
    if (end := place + ROUNDING) >= side.size:
        return side.text
    if side.text.isascii():
        return side.text[: int(end)]
    encoded, cut = _bytes(side.text), int(end)
    while encoded[cut] & 0xC0 == 0x80:  # noqa: PLR2004 -- amid a character
        cut -= 1
    return encoded[:cut].decode("utf-8", "surrogatepass")


def _all_shown(sides: tuple[_Side, _Side], place: float) -> bool:
    return all(side.end is not None and place + ROUNDING >= side.size for side in sides)


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
