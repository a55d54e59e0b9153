"""A refresh of the running server's leaderboard after one more vote, with few votes and with many.

Both databases have today's schema and the same 150 models. Their first votes are entered with plain
`sqlite3` from a fixed seed, because the store would take an hour for them; then every further vote
goes the store's own way, one by one, and after each the leaderboard is refreshed as the server does
it. What takes every vote (intervals for new questions, bands of Elo, agreement) is made in the
background by the server and is no part of a refresh. The baseline is a full recount of the same
database in the same run, and the refreshed board has to equal it.

Run it with `python -m benchmarks.refresh [--json] [--long]`.
"""

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np

from arena.board import LIVE, Board, Choice, board_of
from arena.board.live import LiveBoards
from arena.record.casting import NewVote
from arena.record.entering import NewBattle, NewItem, NewResponse
from arena.record.store import Store
from benchmarks.machine import place
from benchmarks.ratings import MODELS, simulated
from benchmarks.report import Report, Row, Value, conclude, parser, progress
from ratings.votes import OUTCOMES, Votes

GROWTH: Final = 1.5  # times the cost with few votes
CLOSE: Final = 1e-9  # points or shares between a refreshed board and a full recount
LIVE_COLUMNS: Final = (
    *("rank", "rating", "lower_these", "upper_these", "elo", "votes", "wins", "losses", "ties"),
    *("both_bad", "win_rate", "failure_rate"),
)
_AT_ONCE: Final = 50_000


@dataclass(frozen=True)
class Sizes:
    """How many votes there are at first, and how many are added one by one."""

    few: int = 1_000
    many: int = 200_000
    added: int = 41


LONG: Final = Sizes(many=1_700_000)


@dataclass(frozen=True)
class Measured:
    """One database: seconds of each refresh, of the first board and of a recount, and how close."""

    votes: int
    refreshes: tuple[float, ...]
    first: float
    recount: float
    apart: float

    @property
    def refresh(self) -> float:
        """The median refresh in seconds."""
        return statistics.median(self.refreshes)

    def row(self) -> Row:
        """Return the line of the table."""
        return {
            "votes": self.votes,
            "refresh ms": self.refresh * 1_000,
            "slowest ms": max(self.refreshes) * 1_000,
            "first board s": self.first,
            "full recount s": self.recount,
            "recount is times a refresh": self.recount / self.refresh,
            "largest difference": self.apart,
        }


def drawn(n_votes: int) -> Votes:
    """Return the votes that a database begins with; every model has met its neighbour both ways."""
    votes = simulated(n_votes, MODELS)
    # with few votes too all models are on one scale, or less would have to be computed
    ring = np.column_stack([np.arange(MODELS), np.roll(np.arange(MODELS), -1)])
    ties = min(MODELS, n_votes)
    votes.pairs[:ties], votes.outcome[:ties] = ring[:ties], OUTCOMES.index("tie")
    return votes


async def prepare(db: Path, votes: Votes) -> None:
    """Make a database with these votes: models through the store, all else at once."""
    store = Store(db)
    try:
        for name in votes.models:
            await store.know_model(name, "1", "nf4", {})
    finally:
        store.close()
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA synchronous=OFF")  # nothing of this is worth keeping
        connection.executemany(
            "INSERT INTO rater (id, kind, created_at) VALUES (?, 'human', 0)",
            [(_rater(number),) for number in range(50)],
        )
        connection.executemany(
            "INSERT INTO question (id, name, sha256, aspect, text, key) VALUES (?, ?, '', ?, ?, ?)",
            [(n, f"q{n:03}", ("writing", "reasoning")[n % 2], "{}", "{}") for n in range(200)],
        )
        for table, rows in _rows(votes):
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own text
        connection.commit()


def _rater(number: int) -> str:
    return f"rater-{number:02}"


def _rows(votes: Votes) -> Iterator[tuple[str, Sequence[tuple[Value, ...]]]]:
    """Yield rows for each table, some ten thousand at a time."""
    for start in range(0, len(votes), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(votes)))
        items: list[tuple[Value, ...]] = []
        turns: list[tuple[Value, ...]] = []
        said: list[tuple[Value, ...]] = []
        placed: list[tuple[Value, ...]] = []
        battles: list[tuple[Value, ...]] = []
        cast: list[tuple[Value, ...]] = []
        for n in rows:
            item, battle = f"item-{n:08}", f"battle-{n:08}"
            question, rater = int(votes.question.codes[n]), int(votes.rater.codes[n])  # type: ignore[union-attr]  # simulated ones have both
            x, y = (int(code) + 1 for code in votes.pairs[n])
            items.append((item, None, question, x, y, "en", 0))
            turns.append((item, 0, "Is a bat a mammal?", 0))
            for half, (seat, model) in enumerate((("x", x), ("y", y))):
                ending = "length" if (n + half) % 50 == 0 else "stop"
                said.append((2 * n + half + 1, model, "Yes, it is.", ending, 4, 0.5, 0.1, 1, 0))
                placed.append((item, 0, seat, 2 * n + half + 1))
            battles.append((battle, item, _rater(rater), 1, 1, "paced", 1.0, 0))
            outcome = OUTCOMES[votes.outcome[n]].value
            cast.append((n + 1, f"key-{n:08}", battle, _rater(rater), outcome, None, 2_500, 0))
        yield "item", items
        yield "turn", turns
        yield "response", said
        yield "item_response", placed
        yield (
            "battle (id, item_id, rater_id, x_sits_at_a, reveals, display, propensity, opened_at)",
            battles,
        )
        yield "vote", cast


async def add_vote(store: Store, number: int, random: np.random.Generator) -> None:
    """Open a battle, store its responses and vote, as a rater and the server do."""
    x, y = (int(model) + 1 for model in random.choice(MODELS, 2, replace=False))
    item, rater = f"new-item-{number}", _rater(int(random.integers(50)))
    battle = NewBattle(
        id=f"new-battle-{number}",
        item_id=item,
        rater=rater,
        x_sits_at_a=bool(random.integers(2)),
        reveals=True,
        display="paced",
        propensity=1.0,
    )
    await store.open_battle(NewItem(item, x, y, "Is a bat a mammal?", "en"), battle)
    said = [
        NewResponse(seat, model, "Yes, it is.", "stop", 4, 0.5, 0.1, 1)
        for seat, model in (("x", x), ("y", y))
    ]
    await store.save_responses(item, 0, said)
    outcome = OUTCOMES[int(random.integers(len(OUTCOMES)))]
    await store.vote(NewVote(f"new-key-{number}", battle.id, rater, outcome, 2_500))


def seconds_of_refresh(boards: LiveBoards) -> float:
    """Return the seconds of one refresh: look for new votes, and make both boards of them."""
    started = time.perf_counter()
    boards.follow()
    boards.board("rating")
    boards.board("elo")
    return time.perf_counter() - started


def apart(board: Board, other: Board) -> float:
    """Return the largest difference between two boards, where all is of the newest votes."""
    columns = list(LIVE_COLUMNS)
    left, right = (one.rows.set_index("model")[columns].astype("float64") for one in (board, other))
    if not left.isna().equals(right.reindex(left.index).isna()):
        return float("inf")
    return float(np.nanmax(np.abs((left - right.reindex(left.index)).to_numpy())))


async def interleaved(folder: Path, sizes: Sizes) -> list[Measured]:
    """Measure both databases in turns, so that a busy minute is busy for both."""
    numbers, random = count(), np.random.default_rng(1)
    stores, boards, firsts = [], [], []
    try:
        for votes in (sizes.few, sizes.many):
            db = folder / f"{votes}.db"
            progress(f"refresh: preparing {votes:,} votes")
            await prepare(db, drawn(votes))
            stores.append(Store(db))
            started = time.perf_counter()
            boards.append(LiveBoards(db))
            boards[-1].follow()
            boards[-1].settle()
            firsts.append(time.perf_counter() - started)
        progress(f"refresh: {sizes.added} votes, one by one")
        each: tuple[list[float], ...] = ([], [])
        for turn in range(sizes.added + 1):
            for store, live, times in zip(stores, boards, each, strict=True):
                await add_vote(store, next(numbers), random)
                seconds = seconds_of_refresh(live)
                if turn:  # the first one compiles statements and loops
                    times.append(seconds)
        progress("refresh: counting everything again")
        return [
            _measured(folder, votes, live, times, first)
            for votes, live, times, first in zip(
                (sizes.few, sizes.many), boards, each, firsts, strict=True
            )
        ]
    finally:
        for store in stores:
            store.close()


def _measured(
    folder: Path, votes: int, live: LiveBoards, times: list[float], first: float
) -> Measured:
    started = time.perf_counter()
    recounted = board_of(folder / f"{votes}.db", choice=Choice(study=LIVE), orders=0)
    recount = time.perf_counter() - started
    board = live.board("rating")
    difference = float("inf") if board is None else apart(board, recounted)
    return Measured(votes, tuple(times), first, recount, difference)


def faults_of(few: Measured, many: Measured) -> list[str]:
    """Return what has to hold on any machine and did not."""
    faults = []
    if many.refresh > GROWTH * few.refresh:
        faults.append(
            f"a refresh with {many.votes:,} votes costs {many.refresh / few.refresh:.2f} times one "
            f"with {few.votes:,}, and may cost {GROWTH}"
        )
    faults += [
        f"{one.votes:,} votes: a refreshed board differs from a recount by {one.apart:.3g}"
        for one in (few, many)
        if not one.apart <= CLOSE
    ]
    return faults


def measure(sizes: Sizes) -> Report:
    """Measure both, and compare."""
    with tempfile.TemporaryDirectory(dir=place(), prefix="evenhand-refresh-") as folder:
        few, many = asyncio.run(interleaved(Path(folder), sizes))
    settings: dict[str, Value] = {"models": MODELS, "votes added one by one": sizes.added}
    notes = [
        f"a refresh costs {many.refresh / few.refresh:.2f} times that of few; the bar is {GROWTH}",
        f"largest difference to a recount {max(few.apart, many.apart):.2g}; the bar is {CLOSE:.0e}",
        "first board: read, count and make what takes every vote; recount: without bands of Elo",
    ]
    return Report("refresh", settings, [few.row(), many.row()], notes, faults_of(few, many))


def main() -> int:
    """Measure and print."""
    asked = parser("A refresh of the leaderboard after one more vote.").parse_args()
    return conclude(lambda: measure(LONG if asked.long else Sizes()), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
