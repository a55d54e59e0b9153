"""Loads, waits and balance of pairs when not all models fit: our pairing against naive choice.

A server is simulated, with a clock of its own: models are loaded one after the other into a few
slots, raters open battles, wait for the models, read and vote, and now and then a battle is void.
The baseline draws every pair with the same chance and lets the longest unused model go. No model
runs here, and no database; `benchmarks.soak` has both.

Run it with `python -m benchmarks.residency [--json] [--long]`.
"""

import heapq
import itertools
import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from arena.pairing.cycles import Pair, pair_of
from arena.pairing.pairings import Pairings
from benchmarks.report import Report, Row, conclude, parser

MODELS: Final = tuple(f"model-{number:02}" for number in range(1, 17))
SLOTS: Final = (3, 4, 6)
RATERS: Final = (1, 6)
BATTLES: Final = 660  # five cycles and a half of all pairs
VOID: Final = 0.05  # share of battles that end without a vote
LOAD_S: Final = 5.0  # seconds to load one model
STREAM_S: Final = 10.0  # seconds of two responses
READ_S: Final = 20.0  # seconds to read and vote, on average


class Choice(Protocol):
    """A way of choosing pairs."""

    def choices(self, loaded: list[str]) -> list[Pair]:
        """Return what the next draw chooses among."""

    def draw(self, loaded: list[str]) -> Pair:
        """Draw the next pair."""

    def ahead(self, loaded: list[str]) -> frozenset[str]:
        """Return what should be loaded before the next battle."""

    def give_back(self, pair: Pair) -> None:
        """Hear that a battle was void."""


class Uniform:
    """Every pair with the same chance, whatever is loaded."""

    def __init__(self, slots: int, source: random.Random) -> None:
        del slots
        self._pairs = list(itertools.combinations(MODELS, 2))
        self._source = source

    def choices(self, loaded: list[str]) -> list[Pair]:
        """Return every pair."""
        del loaded
        return self._pairs

    def draw(self, loaded: list[str]) -> Pair:
        """Draw any pair."""
        del loaded
        return self._source.choice(self._pairs)

    def ahead(self, loaded: list[str]) -> frozenset[str]:
        """Return nothing: the next pair is not known."""
        del loaded
        return frozenset()

    def give_back(self, pair: Pair) -> None:
        """Forget it."""


class Resident:
    """`arena.pairing`, as a server uses it."""

    def __init__(self, slots: int, source: random.Random) -> None:
        self._pairings = Pairings(MODELS, {}, lambda names: len(set(names)) <= slots, source)

    def choices(self, loaded: list[str]) -> list[Pair]:
        """Return the open pairs that are loaded."""
        return self._pairings.choices(MODELS, loaded)

    def draw(self, loaded: list[str]) -> Pair:
        """Draw one of these."""
        return self._pairings.draw(MODELS, loaded).pair

    def ahead(self, loaded: list[str]) -> frozenset[str]:
        """Return the set that is in use."""
        return self._pairings.look_ahead(MODELS, loaded)

    def give_back(self, pair: Pair) -> None:
        """Let it come again."""
        self._pairings.give_back(pair)


@dataclass
class Tally:
    """What happened."""

    loads: int = 0
    waits: list[float] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    votes: Counter[Pair] = field(default_factory=Counter)

    def row(self, slots: int, raters: int, way: str) -> dict[str, int | float | str]:
        """Return it as a row of the report."""
        counts = [self.votes[pair] for pair in itertools.combinations(MODELS, 2)]
        plan = sum(counts) / len(counts)
        return {
            "way": way,
            "slots": slots,
            "raters": raters,
            "loads a battle": round(self.loads / len(self.waits), 3),
            "battles that waited %": round(100 * sum(w > 0 for w in self.waits) / len(self.waits)),
            "mean wait s": round(statistics.fmean(self.waits), 2),
            "most - fewest votes": max(counts) - min(counts),
            "farthest from plan": round(max(abs(count - plan) for count in counts), 2),
            "surest guess %": round(100 * statistics.fmean(self.sure)),
            "certain %": round(100 * sum(sure == 1 for sure in self.sure) / len(self.sure)),
        }


class Memory:
    """A few slots; the longest unused model that nobody needs makes room."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._ready: dict[str, float] = {}  # when each model is loaded; longest unused first
        self._loader_free = 0.0
        self.users: Counter[str] = Counter()
        self.loads = 0

    def loaded(self, now: float) -> list[str]:
        """Return what is there."""
        return [model for model, ready in self._ready.items() if ready <= now]

    def has(self, models: frozenset[str]) -> bool:
        """Tell whether models are there or on their way."""
        return models <= self._ready.keys()

    def bring(self, models: frozenset[str], keep: frozenset[str], now: float) -> float | None:
        """Bring models in, and return when they are there; None where nobody can leave."""
        missing = sorted(models - self._ready.keys())
        idle = [
            model
            for model, ready in self._ready.items()
            if not self.users[model] and model not in models | keep and ready <= now
        ]
        leave = len(self._ready) + len(missing) - self._slots
        if leave > len(idle):
            return None
        for model in idle[: max(leave, 0)]:
            del self._ready[model]
        for model in missing:
            self._loader_free = max(self._loader_free, now) + LOAD_S
            self._ready[model] = self._loader_free
            self.loads += 1
        for model in sorted(models):
            self._ready[model] = self._ready.pop(model)
        return max(now, *(self._ready[model] for model in models))


class Server:
    """Raters, battles and memory on one simulated clock."""

    def __init__(self, choice: Choice, slots: int, source: random.Random) -> None:
        self._choice = choice
        self._memory = Memory(slots)
        self._source = source
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._line: list[tuple[float, Pair]] = []
        self._now = 0.0
        self._to_open = 0
        self.tally = Tally()

    def run(self, battles: int, raters: int) -> Tally:
        """Let raters open so many battles."""
        self._to_open = battles
        for _ in range(raters):
            self._after(self._source.expovariate(1 / READ_S), self._open)
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
        self.tally.loads = self._memory.loads
        return self.tally

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), event))

    def _open(self) -> None:
        if self._to_open == 0:
            return
        self._to_open -= 1
        loaded = self._memory.loaded(self._now)
        choices = self._choice.choices(loaded)
        met = Counter(model for pair in choices for model in pair)
        self.tally.sure.append(max(met.values()) / len(choices))
        self._line.append((self._now, self._choice.draw(loaded)))
        self._admit()

    def _admit(self) -> None:
        """Let in who can go; who needs no load may pass the others."""
        for waiter in list(self._line):
            asked, pair = waiter
            models = frozenset(pair)
            if waiter is not self._line[0] and not self._memory.has(models):
                continue
            there = self._memory.bring(models, frozenset(), self._now)
            if there is None:
                continue
            self._line.remove(waiter)
            self._memory.users.update(pair)
            self.tally.waits.append(there - asked)
            self._after(there - self._now + STREAM_S, lambda pair=pair: self._end(pair))  # type: ignore[misc]
        self._prefetch()

    def _end(self, pair: Pair) -> None:
        self._memory.users.subtract(pair)
        if self._source.random() < VOID:
            self._choice.give_back(pair)
            self._to_open += 1
            self._after(0.0, self._open)
        else:
            self.tally.votes[pair_of(*pair)] += 1
            self._after(self._source.expovariate(1 / READ_S), self._open)
        self._admit()

    def _prefetch(self) -> None:
        wanted = self._choice.ahead(self._memory.loaded(self._now))
        if not self._line:
            for model in sorted(wanted):
                self._memory.bring(frozenset({model}), wanted, self._now)


WAYS: Final[dict[str, Callable[[int, random.Random], Choice]]] = {
    "naive": Uniform,
    "ours": Resident,
}


def simulate(way: str, slots: int, raters: int, battles: int, seed: int = 0) -> Tally:
    """Return what happens in so many battles."""
    source = random.Random(f"{seed} {slots} {raters}")  # noqa: S311 - a drawing, no secret
    return Server(WAYS[way](slots, source), slots, source).run(battles, raters)


def measure(*, long: bool) -> Report:
    """Simulate every number of slots and raters."""
    battles = BATTLES * (10 if long else 1)
    rows: list[Row] = []
    faults: list[str] = []
    for slots, raters in itertools.product(SLOTS, RATERS):
        naive, ours = (
            simulate(way, slots, raters, battles).row(slots, raters, way) for way in WAYS
        )
        rows += [naive, ours]
        where = f"{slots} slots, {raters} raters"
        if float(ours["farthest from plan"]) > 1:
            faults.append(f"{where}: a pair is {ours['farthest from plan']} votes off the plan")
        if float(ours["loads a battle"]) >= float(naive["loads a battle"]):
            faults.append(f"{where}: not fewer loads than naive choice")
    guess = (
        "Surest guess: how often somebody who knows every battle so far and all that is loaded is "
        "right who names one model of the next battle; of 16 models 12.5 % by chance. Certain: in "
        "how many battles that guess cannot be wrong."
    )
    settings = {
        "models": len(MODELS),
        "battles": battles,
        "void": VOID,
        "load s": LOAD_S,
        "stream s": STREAM_S,
        "read s": READ_S,
    }
    return Report("residency", settings, rows, [guess], faults)


def main() -> int:
    """Simulate and report."""
    options = parser("Loads, waits and balance of pairs when not all models fit.").parse_args()
    return conclude(lambda: measure(long=options.long), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
