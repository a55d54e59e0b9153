"""Acknowledged durable votes a second, and how long one takes, against plain SQLite.

The store keeps a vote with checks, an idempotency key and one commit for many raters. The baseline
is what anybody could write in ten lines: `sqlite3`, one thread, the same pragmas, one vote a
transaction, two small tables. A disk that is shared may be ten times slower a minute later, so
both are measured in turns and only their ratio is worth publishing. HTTP, pages and models take no
part in this.

Run it with `python -m benchmarks.votes [--json] [--long]`.
"""

import asyncio
import gc
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from arena.record.casting import NewVote
from arena.record.entering import NewBattle, NewItem, NewResponse
from arena.record.store import Store
from benchmarks.machine import place
from benchmarks.report import Report, Row, Value, conclude, parser, progress
from ratings.votes import Outcome

RATERS: Final = (1, 8, 64)
RAW: Final = "raw sqlite3, 1 thread"
WARM_UP: Final = 8  # votes before the clock runs: statements are compiled once
OUTCOMES: Final = tuple(Outcome)
LAB: Final = 200 / 30  # votes a second of 200 raters who vote every 30 seconds
TAIL_MS: Final = 50.0  # acknowledgement that nobody notices, wherever the disk is quick
TAIL_OF_RAW: Final = 15.0  # the same as a multiple of one plain commit, where it is slow


@dataclass(frozen=True)
class Sizes:
    """How much is measured: votes for each number of raters, and how often."""

    rounds: int
    votes: dict[int, int]
    raw_votes: int


SHORT: Final = Sizes(7, {1: 300, 8: 1_000, 64: 3_000}, 400)
LONG: Final = Sizes(25, {1: 1_000, 8: 4_000, 64: 12_000}, 1_500)


@dataclass(frozen=True)
class Timed:
    """One measurement: seconds from the first vote to the last, and of each acknowledgement."""

    seconds: float
    each: Sequence[float]
    stored: int

    @property
    def rate(self) -> float:
        """Votes a second."""
        return len(self.each) / self.seconds

    def milliseconds(self, share: float) -> float:
        """Return the time within which this share of the votes was acknowledged."""
        ordered = sorted(self.each)
        return ordered[min(round(share * len(ordered)), len(ordered) - 1)] * 1_000


async def prepare(db: Path, battles: int) -> None:
    """Make a database with so many battles that wait for a vote."""
    store = Store(db)
    try:
        x = await store.know_model("oak", "1", "nf4", {})
        y = await store.know_model("pine", "2", "int8", {})
        for number in range(max(RATERS)):
            await store.know_rater(_rater(number))
        for start in range(0, battles, 500):
            await asyncio.gather(
                *(_ready(store, n, x, y) for n in range(start, min(start + 500, battles)))
            )
    finally:
        store.close()


async def _ready(store: Store, number: int, x: int, y: int) -> None:
    item = NewItem(f"item-{number}", x, y, "Is a bat a mammal?", "en")
    battle = NewBattle(
        id=_battle(number),
        item_id=item.id,
        rater=_rater(number),
        x_sits_at_a=number % 2 == 0,
        reveals=True,
        display="paced",
        propensity=1.0,
    )
    await store.open_battle(item, battle)
    said = [
        NewResponse("x", x, "Yes, it is a mammal.", "stop", 7, 0.5, 0.1, 1),
        NewResponse("y", y, "No, it is a bird.", "stop", 6, 0.4, 0.1, 2),
    ]
    await store.save_responses(item.id, 0, said)


def _battle(number: int) -> str:
    return f"battle-{number:06}"


def _rater(number: int) -> str:
    return f"rater-{number % max(RATERS):02}"


async def time_store(db: Path, raters: int, votes: int) -> Timed:
    """Let so many raters vote at once, each the next one as soon as the last is acknowledged."""
    store = Store(db)
    each: list[float] = []

    async def rate(rater: int) -> None:
        for number in range(WARM_UP + rater, WARM_UP + votes, raters):
            started = time.perf_counter()
            await store.vote(_vote(number))
            each.append(time.perf_counter() - started)

    try:
        for number in range(WARM_UP):
            await store.vote(_vote(number))
        started = time.perf_counter()
        await asyncio.gather(*(rate(rater) for rater in range(raters)))
        seconds = time.perf_counter() - started
    finally:
        store.close()
    return Timed(seconds, each, _stored(db) - WARM_UP)


def _vote(number: int) -> NewVote:
    outcome = OUTCOMES[number % len(OUTCOMES)]
    return NewVote(f"key-{number:08}", _battle(number), _rater(number), outcome, 2_500)


def time_raw(db: Path, votes: int) -> Timed:
    """Vote with nothing but the driver: look the battle up, insert, commit."""
    each = []
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=1"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(
            "CREATE TABLE battle (id TEXT PRIMARY KEY, rater TEXT NOT NULL);"
            "CREATE TABLE vote (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
            " battle TEXT NOT NULL REFERENCES battle (id), rater TEXT NOT NULL,"
            " outcome TEXT NOT NULL, created_at INTEGER NOT NULL);"
        )
        battles = [(_battle(number), _rater(number)) for number in range(votes + WARM_UP)]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO battle VALUES (?, ?)", battles)
        connection.execute("COMMIT")
        for number in range(WARM_UP):
            _raw_vote(connection, number)
        first = time.perf_counter()
        for number in range(WARM_UP, WARM_UP + votes):
            started = time.perf_counter()
            _raw_vote(connection, number)
            each.append(time.perf_counter() - started)
        seconds = time.perf_counter() - first
    return Timed(seconds, each, _stored(db) - WARM_UP)


def _raw_vote(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    battle, rater = connection.execute(
        "SELECT id, rater FROM battle WHERE id = ?", (_battle(number),)
    ).fetchone()
    connection.execute(
        "INSERT INTO vote (key, battle, rater, outcome, created_at) VALUES (?, ?, ?, ?, ?)",
        (f"key-{number:08}", battle, rater, "tie", time.time_ns() // 1_000),
    )
    connection.execute("COMMIT")


def _stored(db: Path) -> int:
    with closing(sqlite3.connect(db)) as connection:
        return int(connection.execute("SELECT count(*) FROM vote").fetchone()[0])


Round = dict[str, Timed]


def measure_round(template: Path, folder: Path, sizes: Sizes) -> Round:
    """Measure everything once, each on a fresh copy of the prepared database."""
    measured = {RAW: time_raw(folder / "raw.db", sizes.raw_votes)}
    for raters, votes in sizes.votes.items():
        db = folder / f"store-{raters}.db"
        shutil.copyfile(template, db)
        measured[_name(raters)] = asyncio.run(time_store(db, raters, votes))
    return measured


def _name(raters: int) -> str:
    return f"store, {raters} rater{'s' if raters > 1 else ''}"


def rows_of(rounds: Sequence[Round]) -> list[Row]:
    """Return a row for each way of voting: medians over the rounds, and the worst of all."""
    return [
        {
            "votes through": name,
            "votes/s": round(_median(rounds, name, "rate")),
            "times raw": _ratio(rounds, name),
            "p50 ms": round(_median(rounds, name, 0.5), 2),
            "p99 ms": round(_median(rounds, name, 0.99), 2),
            "max ms": round(max(max(one[name].each) for one in rounds) * 1_000, 1),
            "headroom": round(_median(rounds, name, "rate") / LAB),
        }
        for name in rounds[0]
    ]


def _median(rounds: Sequence[Round], name: str, what: float | str) -> float:
    return statistics.median(
        one[name].rate if isinstance(what, str) else one[name].milliseconds(what) for one in rounds
    )


def _ratio(rounds: Sequence[Round], name: str) -> float:
    """Return how many times the raw rate of the same round, in the median."""
    return round(statistics.median(one[name].rate / one[RAW].rate for one in rounds), 2)


def faults_of(rounds: Sequence[Round]) -> list[str]:
    """Return what may be on no machine: an acknowledged vote that is not in the file."""
    return [
        f"round {number}, {name}: {len(timed.each)} votes acknowledged, {timed.stored} stored"
        for number, one in enumerate(rounds, start=1)
        for name, timed in one.items()
        if timed.stored != len(timed.each)
    ]


def notes_of(rounds: Sequence[Round]) -> list[str]:
    """Return how the 64 raters did against the bars we set ourselves."""
    many = _name(max(RATERS))
    bar = max(TAIL_MS, TAIL_OF_RAW * _median(rounds, RAW, 0.5))
    ratios = sorted(one[many].rate / one[RAW].rate for one in rounds)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    of_what = f"the larger of {TAIL_MS:.0f} ms and {TAIL_OF_RAW:.0f} plain commits"
    return [
        f"{many}: {_ratio(rounds, many)} times raw (rounds: {spread}); the bar is 1",
        f"{many}: p99 {_median(rounds, many, 0.99):.1f} ms; the bar is {bar:.0f} ms, {of_what}",
        "headroom: times what 200 raters need who vote every 30 seconds",
    ]


def measure(sizes: Sizes) -> Report:
    """Measure all rounds in turns."""
    with tempfile.TemporaryDirectory(dir=place(), prefix="evenhand-votes-") as folder:
        template = Path(folder) / "template.db"
        progress(f"votes: preparing {max(sizes.votes.values())} battles")
        asyncio.run(prepare(template, max(sizes.votes.values()) + WARM_UP))
        gc.collect()
        gc.freeze()  # as a server does before anybody comes
        rounds = []
        for number in range(1, sizes.rounds + 1):
            with tempfile.TemporaryDirectory(dir=folder) as one:
                rounds.append(measure_round(template, Path(one), sizes))
            progress(f"votes: round {number} of {sizes.rounds}")
    settings: dict[str, Value] = {
        "rounds in turns": sizes.rounds,
        "journal": "WAL",
        "synchronous": "FULL",
    }
    return Report("votes", settings, rows_of(rounds), notes_of(rounds), faults_of(rounds))


def main() -> int:
    """Measure and print."""
    asked = parser("Votes through the store against plain SQLite.").parse_args()
    return conclude(lambda: measure(LONG if asked.long else SHORT), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
