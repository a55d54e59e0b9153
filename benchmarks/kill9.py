"""Votes that were acknowledged through HTTP, counted after the server was killed with SIGKILL.

Raters open battles, vote, press twice and, when the answer does not come, press again with the same
key after the restart, as the page does. The server is killed at a random moment; after each restart
the file must hold every acknowledged vote exactly once. The control is a server that answers before
it commits: if nothing is lost there, the measurement cannot see a loss and fails. A power cut is
another matter: what the system has taken over survives a kill.

Run it with `python -m benchmarks.kill9 [--rounds N] [--raters N] [--seed N] [--json] [--long]`.
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.machine import place
from benchmarks.pressing import Ledger, Press, Rater
from benchmarks.report import Report, Row, conclude, parser, progress
from benchmarks.served import PRODUCT, Served, served

CONTROL: Final = ("-m", "benchmarks.early_ack", "serve")
WINDOW_S: Final = 4.0  # the kill comes within this time after the first acknowledgement
FIRST_S: Final = 60.0  # how long the first acknowledgement may take
ROSTER: Final = """\
[limits]
battles_per_minute = 1000000000

[pace]
mode = "together"
tick_s = 0.02
start_s = 0.0

[[models]]
name = "oak"
kind = "scripted"
responses = ["It is."]

[[models]]
name = "pine"
kind = "scripted"
responses = ["It is not."]
"""


Stored = tuple[str, str, int]  # battle, outcome, place in the log


@dataclass(frozen=True)
class Verdict:
    """What a file holds against what raters were told, by key; `damage` is the file's own."""

    lost: frozenset[str]
    twice: frozenset[str]
    changed: frozenset[str]
    damage: str | None


def judge(db: Path, saved: Mapping[str, tuple[Press, int]]) -> Verdict:
    """Look every acknowledged vote up in the file; in one that cannot be read all are lost."""
    rows: list[tuple[str, str, str, int]] = []
    try:
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT key, battle_id, outcome, seq FROM vote").fetchall()
            said = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        said = str(error)
    by_key: defaultdict[str, list[Stored]] = defaultdict(list)
    for key, battle, outcome, seq in rows:
        by_key[key].append((battle, outcome, seq))
    votes_on = Counter(stored[0] for found in by_key.values() for stored in found)
    kept = saved.keys() & by_key.keys()
    return Verdict(
        lost=frozenset(saved.keys() - by_key.keys()),
        twice=frozenset(k for k in kept if len(by_key[k]) > 1 or votes_on[saved[k][0].battle] > 1),
        changed=frozenset(
            k for k in kept if (saved[k][0].battle, saved[k][0].outcome) != by_key[k][0][:2]
        ),
        damage=None if said == "ok" else said,
    )


def stored_keys(db: Path, keys: Iterable[str]) -> int:
    """Count which of these keys the file holds."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        known = {key for (key,) in connection.execute("SELECT key FROM vote")}
    return len(known & set(keys))


@dataclass
class Tally:
    """What all rounds of one server came to."""

    rounds: int = 0
    acknowledged: int = 0
    lost: set[str] = field(default_factory=set)
    twice: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    damage: list[str] = field(default_factory=list)
    unanswered: int = 0
    kept_unanswered: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Take in what one restart showed."""
        self.lost |= verdict.lost
        self.twice |= verdict.twice
        self.changed |= verdict.changed
        if verdict.damage is not None:
            self.damage.append(verdict.damage)

    def row(self, server: str) -> Row:
        """Return the line of the table."""
        return {
            "server": server,
            "kills": self.rounds,
            "acknowledged": self.acknowledged,
            "lost": len(self.lost),
            "twice": len(self.twice),
            "changed": len(self.changed),
            "damaged files": len(self.damage),
            "unanswered": self.unanswered,
            "of these kept": self.kept_unanswered,
        }


async def run_rounds(
    folder: Path, rounds: int, raters: int, seed: int, command: Sequence[str]
) -> Tally:
    """Kill a server so many times on one file, and look after each restart."""
    roster, db = folder / "roster.toml", folder / "arena.db"
    roster.write_text(ROSTER, encoding="utf-8")
    source = random.Random(seed)  # noqa: S311 - a drawing, no secret
    ledger, tally = Ledger(), Tally(rounds)
    group = [Rater(random.Random(source.random()), ledger) for _ in range(raters)]  # noqa: S311 - as above
    for number in range(1, rounds + 2):
        with served(roster, db, command) as server:
            _look(db, group, ledger, tally)
            last = number > rounds
            await _one_round(server, group, ledger, 0.0 if last else source.random() * WINDOW_S)
        if not last:
            progress(f"kill9: {number} of {rounds} kills, {len(ledger.saved)} votes acknowledged")
    tally.add(judge(db, ledger.saved))
    tally.acknowledged = len(ledger.saved)
    tally.faults = ledger.faults
    return tally


def _look(db: Path, group: Sequence[Rater], ledger: Ledger, tally: Tally) -> None:
    """Compare the file with the ledger, before any rater presses again."""
    tally.add(judge(db, ledger.saved))
    unanswered = [rater.pending.key for rater in group if rater.pending is not None]
    tally.unanswered += len(unanswered)
    tally.kept_unanswered += stored_keys(db, unanswered)


async def _one_round(
    server: Served, group: Sequence[Rater], ledger: Ledger, kill_after_s: float
) -> None:
    ledger.first.clear()
    tasks = [asyncio.create_task(rater.rate(server.address)) for rater in group]
    try:
        await asyncio.wait_for(ledger.first.wait(), FIRST_S)
        await asyncio.sleep(kill_after_s)
    except TimeoutError:
        ledger.faults.append(f"no vote was acknowledged within {FIRST_S:.0f} s")
    if server.process.poll() is not None:
        ledger.faults.append(f"the server ended by itself with {server.process.returncode}")
    await asyncio.to_thread(server.kill)
    await asyncio.gather(*tasks)


def faults_of(product: Tally, control: Tally) -> list[str]:
    """Return what must not be: losses of the product, and a control that saw none."""
    counts = {
        "lost": len(product.lost),
        "there twice": len(product.twice),
        "changed": len(product.changed),
    }
    faults = [f"{count} acknowledged votes are {what}" for what, count in counts.items() if count]
    faults += [f"the file is damaged: {said}" for said in product.damage]
    faults += product.faults
    if not product.acknowledged:
        faults.append("no vote was acknowledged, so nothing was measured")
    if not control.lost:
        faults.append("the control lost nothing, so this run could not have seen a loss")
    return faults


def measure(rounds: int, control_rounds: int, raters: int, seed: int) -> Report:
    """Measure the product and the control."""
    tallies = []
    for command, times in ((PRODUCT, rounds), (CONTROL, control_rounds)):
        progress(f"kill9: {' '.join(command)}")
        with tempfile.TemporaryDirectory(dir=place(), prefix="evenhand-kill9-") as folder:
            tallies.append(asyncio.run(run_rounds(Path(folder), times, raters, seed, command)))
    product, control = tallies
    rows = [product.row("as it is"), control.row("control: answers before it commits")]
    notes = [
        "unanswered: presses under way when the server died; each was pressed again with its key,",
        "and so was each rater's last saved press, which must get its first answer",
    ]
    settings = {"raters": raters, "seed": seed}
    return Report("kill9", settings, rows, notes, faults_of(product, control))


def main() -> int:
    """Measure and print."""
    options = parser("Acknowledged votes after kill -9, through HTTP.")
    options.add_argument("--rounds", type=int, help="kills (5; with --long 200)")
    options.add_argument("--raters", type=int, default=16, help="raters at once (16)")
    options.add_argument("--seed", type=int, default=0, help="of outcomes and moments (0)")
    asked = options.parse_args()
    rounds = asked.rounds or (200 if asked.long else 5)
    control = 10 if asked.long else 2
    return conclude(lambda: measure(rounds, control, asked.raters, asked.seed), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
