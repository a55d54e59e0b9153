"""Hundreds of battles over sixteen tiny models in room for four: nothing grows or gets stuck.

The server's own flow without its pages: several raters at once open battles, read, vote or skip,
and real engines on the processor are loaded and let go as pairing wants it. At the end resident
memory, battles that did not end, and the votes of every pair are looked at. The embedded models
make the roster, each in four guises that share no weights; what they say does not matter.

Run it with `python -m benchmarks.soak [--json] [--long] [--battles N] [--processes]`: 40 battles,
or 500, or as many as are asked for; with the engines in the server, or in a process of their own.
Memory is judged in long forms only: it is compared with that at battle 100, when every model has
been there.
"""

import asyncio
import itertools
import logging
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from arena.battle.views import State
from arena.pairing.past import What
from arena.questions import Question, load_bank
from arena.record.tables import RaterKind
from arena.running import Arena, open_store, put_together, running
from arena.settings import ArenaSettings, Limits, PaceSettings, PoolSettings, Settings
from arena.shipped import shipped
from benchmarks.machine import place
from benchmarks.report import Report, Row, conclude, parser, progress
from ratings.votes import Outcome
from serving.budget import parts_of
from serving.spec import ModelSpec, Quantization, Sampling

CHECKPOINTS: Final = ("pebble-1m", "willow-1m", "harbor-1m", "cedar-1m")
GUISES: Final = (
    (Quantization.NONE, 512),
    (Quantization.INT8, 512),
    (Quantization.NF4, 512),
    (Quantization.NONE, 384),
)
SLOTS: Final = 4
RATERS: Final = 4
SKIPPED: Final = 0.05  # share of battles that their rater passes on
SHORT, LONG = 40, 500
FROM: Final = 100  # the battle whose memory is compared with
EVERY: Final = 20  # battles between two looks at memory
GROWTH: Final = 1.1  # times the memory at battle FROM
STUCK_S: Final = 240.0  # a battle that takes longer does not end


@dataclass
class Soak:
    """What happened so far."""

    votes: int = 0
    skips: int = 0
    voids: int = 0
    stuck: int = 0
    loads: int = 0
    memory: dict[int, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


class Loads(logging.Handler):
    """Counts what the pool says it has loaded."""

    def __init__(self, soak: Soak) -> None:
        super().__init__(logging.INFO)
        self._soak = soak

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line that tells of a load."""
        self._soak.loads += ": loaded " in record.msg


@contextmanager
def counting_loads(soak: Soak) -> Iterator[None]:
    """Count loads, and keep the lines that tell of them out of everybody's sight meanwhile."""
    log, handler = logging.getLogger("serving"), Loads(soak)
    before = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])  # not the field: loggers remember what they let through
        log.propagate = before[1]


def roster() -> tuple[ModelSpec, ...]:
    """Return sixteen models: four checkpoints, each in four guises."""
    return tuple(
        ModelSpec(
            name=f"{checkpoint}-{quantization.value}-{context}",
            checkpoint=str(shipped(f"models/{checkpoint}")),
            quantization=quantization,
            context_tokens=context,
            output_tokens=24,
            sampling=Sampling(temperature=0.4, top_p=0.95),
            device="cpu",
        )
        for checkpoint, (quantization, context) in itertools.product(CHECKPOINTS, GUISES)
    )


def settings_for(models: Sequence[ModelSpec], slots: int, db: Path, *, processes: bool) -> Settings:
    """Return the settings of a server with room for the largest models of that number."""
    sizes = sorted(sum(parts_of(spec).values()) for spec in models)
    return Settings(
        arena=ArenaSettings(db=db, questions=shipped("questions/tiny.jsonl")),
        limits=Limits(battles_per_minute=10**6),
        pace=PaceSettings(mode="together", tick_s=0.05, start_s=0.0),
        pool=PoolSettings(
            memory_gib=sum(sizes[-slots:]) / 2**30, processes="device" if processes else "none"
        ),
        models=tuple(models),
    )


def resident_mib() -> float:
    """Return the memory of this process and its children that lies in the machine's."""
    pages = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if os.getpid() in (parent, int(process.name)):
                pages += int((process / "statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Rater:
    """Somebody who votes without a pause, as chance has it."""

    def __init__(self, arena: Arena, name: str, soak: Soak, bank: Sequence[Question]) -> None:
        self._battles = arena.battles
        self._name = name
        self._soak = soak
        self._bank = bank
        self._random = random.Random(name)  # noqa: S311 - a drawing, no secret

    async def vote(self) -> None:
        """Open battles until one is voted on."""
        while True:
            started = time.monotonic()
            try:
                async with asyncio.timeout(STUCK_S):
                    state = await self._battle()
            except TimeoutError:
                self._soak.stuck += 1
                continue
            if state is State.VOTED:
                self._soak.seconds.append(time.monotonic() - started)
                return

    async def _battle(self) -> State:
        question = self._random.choice(self._bank)
        view = await self._battles.open(self._name, question.text["en"], question_id=question.id)
        await self._battles.finished(view.battle_id, self._name)
        view = await self._battles.view(view.battle_id, self._name)
        if view.token is None:
            self._soak.voids += 1
            return view.state
        if self._random.random() < SKIPPED:
            await self._battles.skip(view.battle_id, self._name)
            self._soak.skips += 1
            return State.SKIPPED
        outcome = self._random.choice(list(Outcome))
        await self._battles.vote(view.token, outcome.value, secrets.token_hex(16), self._name)
        return State.VOTED


async def soak(
    battles: int,
    models: Sequence[ModelSpec],
    slots: int,
    raters: int,
    *,
    processes: bool = False,
) -> "Done":
    """Cast so many votes, and return what happened."""
    done = Soak()
    with tempfile.TemporaryDirectory(dir=place()) as folder:
        chosen = settings_for(models, slots, Path(folder) / "soak.db", processes=processes)
        bank = tuple(load_bank(shipped("questions/tiny.jsonl")))
        arena = put_together(chosen, *open_store(chosen))
        left = iter(range(battles))

        async def sit(name: str) -> None:
            rater = Rater(arena, name, done, bank)
            for _ in left:
                await rater.vote()
                done.votes += 1
                if done.votes % EVERY == 0 or done.votes == battles:
                    done.memory[done.votes] = resident_mib()
                    progress(f"{done.votes} votes, {done.memory[done.votes]:.0f} MiB")

        with counting_loads(done):
            async with running(arena):
                done.loads = 0  # those of the start are not of battles
                await asyncio.gather(*(sit(f"rater-{number}") for number in range(raters)))
                counts = votes_by_pair(arena)
    return Done(done, counts)


@dataclass(frozen=True)
class Done:
    """A soak that is over, and the votes of each pair."""

    soak: Soak
    votes: Counter[frozenset[int]]

    def off_plan(self, models: int) -> float:
        """Return how many votes the pair farthest from the plan is away from it."""
        pairs = models * (models - 1) // 2
        plan = self.votes.total() / pairs
        fewest = min(self.votes.values()) if len(self.votes) == pairs else 0
        return max(max(self.votes.values()) - plan, plan - fewest)


def votes_by_pair(arena: Arena) -> Counter[frozenset[int]]:
    """Return the votes that are on the disk, for each two models."""
    votes: Counter[frozenset[int]] = Counter()
    for what, x, y in arena.store.past(RaterKind.HUMAN):
        if what == What.VOTED:
            votes[frozenset((x, y))] += 1
    return votes


def report(done: Done, models: int, slots: int, raters: int, *, processes: bool = False) -> Report:
    """Return what was found, with what must not be."""
    happened = done.soak
    base = happened.memory.get(FROM)
    last = happened.memory[happened.votes]
    rows: list[Row] = [
        {
            "battle": battle,
            "resident MiB": mib,
            f"times battle {FROM}": None if base is None else round(mib / base, 3),
        }
        for battle, mib in sorted(happened.memory.items())
    ]
    off = done.off_plan(models)
    faults = []
    if base is not None and last > GROWTH * base:
        faults.append(
            f"memory grew {last / base:.2f} times from battle {FROM}; {GROWTH} is allowed"
        )
    if happened.stuck:
        faults.append(f"{happened.stuck} battles did not end within {STUCK_S:.0f} s")
    if off > 1:
        faults.append(f"a pair is {off:.2f} votes off the plan")
    median = sorted(happened.seconds)[len(happened.seconds) // 2]
    said = (
        f"{happened.votes} votes, {happened.skips} skipped, {happened.voids} void, "
        f"{happened.stuck} stuck; a battle took {median:.1f} s (median)"
    )
    loads = (
        f"{happened.loads} loads, {happened.loads / happened.votes:.2f} a vote; the pair farthest "
        f"from the plan is {off:.2f} votes off"
    )
    settings: Row = {"models": models, "slots": slots, "raters": raters, "processes": processes}
    return Report("soak", settings, rows, [said, loads], faults)


def measure(battles: int, *, processes: bool) -> Report:
    """Run so many battles."""
    models = roster()
    done = asyncio.run(soak(battles, models, SLOTS, RATERS, processes=processes))
    return report(done, len(models), SLOTS, RATERS, processes=processes)


def main() -> int:
    """Soak and report."""
    options = parser("Hundreds of battles in little room: what grows, what gets stuck.")
    options.add_argument("--battles", type=int, metavar="N", help="so many battles instead")
    options.add_argument(
        "--processes", action="store_true", help="engines in a process of their own"
    )
    asked = options.parse_args()
    battles = asked.battles or (LONG if asked.long else SHORT)
    return conclude(lambda: measure(battles, processes=asked.processes), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
