"""What a browser hears of one battle until it may vote, with the moment of every piece, as numbers.

The numbers say when things came and how large they were, and nothing of what they said. Which of
them tells something is for `benchmarks.guessing` to find.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

QUARTERS: Final = (0.25, 0.5, 0.75, 1.0)
MARK: Final = "\ue0f2"  # stands around the number at the end of the last text
NOTHING: Final = "\u200b"


@dataclass
class Battle:
    """One battle as it was overheard; seconds are counted from the prompt."""

    opened: float = 0.0
    """When the answer to the prompt came."""
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """Every piece of the stream: when it came, and its bytes."""
    growth: list[tuple[float, int, int]] = field(default_factory=list)
    """Every change of the panes: when, and how long each text was then."""
    told: list[float] = field(default_factory=list)
    """Durations that the stream itself speaks of."""
    ready: float = 0.0
    """When the answer came that the battle may be voted on."""

    def columns(self) -> NDArray[np.float64]:
        """Return the battle as numbers, the same number of them for each battle."""
        ends = [self.growth[-1][1], self.growth[-1][2]] if self.growth else [0, 0]
        longest = max(*ends, 1)
        times = [time for time, _ in self.arrivals]
        panes = [self._pane(seat, ends[seat]) for seat in (0, 1)]
        told: NDArray[np.float64] = np.nan_to_num(
            np.array(
                [
                    self.opened,
                    self.ready,
                    self.ready / longest,
                    self.ready - (times[-1] if times else 0.0),
                    float(len(times)),
                    float(sum(size for _, size in self.arrivals)),
                    *_spread(np.diff(times)),
                    *_spread([size for _, size in self.arrivals]),
                    *_spread(self.told),
                    *panes[0],
                    *panes[1],
                    *np.subtract(panes[0], panes[1]),
                ]
            ),
            posinf=0.0,
            neginf=0.0,
        )
        return told

    def _pane(self, seat: int, end: int) -> list[float]:
        """Return how one text grew: when it began, its quarters, its rate, its steps and pauses."""
        steps = [(row[0], row[1 + seat]) for row in self.growth if row[1 + seat]]
        grown = [step for n, step in enumerate(steps) if n == 0 or step[1] > steps[n - 1][1]]
        if not grown:
            return [0.0] * (len(QUARTERS) + 5 + 2 * len(_spread([])))
        times = np.array([time for time, _ in grown])
        lengths = np.array([length for _, length in grown])
        passed = [float(times[np.argmax(lengths >= share * end)]) for share in QUARTERS]
        took = max(float(times[-1] - times[0]), 1e-3)
        return [
            float(times[0]),
            *passed,
            float(end),
            float(lengths[0]),
            (end - float(lengths[0])) / took,
            float(len(grown)),
            *_spread(np.diff(times)),
            *_spread(np.diff(lengths)),
        ]


def _spread(values: Sequence[float] | NDArray[Any]) -> list[float]:
    """Return mean, deviation, quartiles and ends of some numbers; zeros where there are none."""
    if len(values) == 0:
        return [0.0] * 7
    numbers = np.asarray(values, dtype=np.float64)
    quartiles = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
    return [float(numbers.mean()), float(numbers.std()), *map(float, quartiles)]


class Stream:
    """Reads one stream of Gradio piece by piece into a battle."""

    def __init__(self, battle: Battle) -> None:
        self._battle = battle
        self._rest = b""
        self._panes = ["", ""]

    def take(self, now: float, piece: bytes) -> None:
        """Take a piece as it came."""
        self._battle.arrivals.append((now, len(piece)))
        *lines, self._rest = (self._rest + piece).split(b"\n\n")
        for line in lines:
            self._event(now, json.loads(line.removeprefix(b"data: ")))

    def _event(self, now: float, event: dict[str, Any]) -> None:
        for key in ("eta", "rank_eta"):
            if event.get(key) is not None:
                self._battle.told.append(float(event[key]))
        output = event.get("output") or {}
        if output.get("duration") is not None:
            self._battle.told.append(float(output["duration"]))
        before = list(self._panes)
        for seat, change in enumerate(output.get("data") or ()):
            self._panes[seat] = _changed(self._panes[seat], change)
        if self._panes != before:
            lengths = [len(pane.split(MARK)[0].strip(NOTHING + "\n")) for pane in self._panes]
            self._battle.growth.append((now, lengths[0], lengths[1]))


def _changed(text: str, change: str | Iterable[tuple[str, list[Any], str]]) -> str:
    """Return a text after a change: a text in its place, or steps that replace it or add to it."""
    if isinstance(change, str):
        return change
    for step, place, value in change:
        if place or step not in ("replace", "append"):
            raise ValueError(f"Gradio speaks of a change that is not known here: {step} at {place}")
        text = value if step == "replace" else text + value
    return text
