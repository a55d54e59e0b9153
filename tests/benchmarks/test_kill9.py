"""The judge of killed servers: it finds a vote that is lost, changed or there twice."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from arena.record.casting import NewVote
from arena.record.store import Store
from arena.record.tables import EndingKind
from benchmarks.early_ack import EarlyStore
from benchmarks.kill9 import Tally, Verdict, faults_of, judge, stored_keys
from benchmarks.pressing import Press
from benchmarks.votes import prepare
from ratings.votes import Outcome

PRESSES = [
    Press(f"battle-{n:06}", "token", outcome.value, f"press-{n:04}")
    for n, outcome in enumerate(Outcome)
]
SAVED = {press.key: (press, place) for place, press in enumerate(PRESSES, start=1)}


def vote(press: Press) -> NewVote:
    rater = f"rater-{int(press.battle[-2:]):02}"
    return NewVote(press.key, press.battle, rater, Outcome(press.outcome))


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Path]:
    """Give a file of the product with four votes."""
    path = tmp_path / "arena.db"
    await prepare(path, len(PRESSES) + 1)
    store = Store(path)
    for press in PRESSES:
        await store.vote(vote(press))
    store.close()
    yield path


def forge(db: Path, *statements: str) -> None:
    """Change a file behind the product's back, which its triggers refuse."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (trigger,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.execute(statement)


async def test_an_honest_file_is_found_whole(db: Path) -> None:
    nothing: frozenset[str] = frozenset()
    assert judge(db, SAVED) == Verdict(nothing, nothing, nothing, None)


async def test_a_vote_that_is_taken_away_is_found_lost(db: Path) -> None:
    forge(db, "DELETE FROM vote WHERE key = 'press-0002'")
    assert judge(db, SAVED).lost == {"press-0002"}


async def test_another_outcome_is_found_changed(db: Path) -> None:
    forge(db, "UPDATE vote SET outcome = 'both_bad' WHERE key = 'press-0000'")
    assert judge(db, SAVED).changed == {"press-0000"}


async def test_a_second_vote_on_a_battle_is_found(db: Path) -> None:
    again = (
        "INSERT INTO vote (key, battle_id, rater_id, outcome, supersedes, created_at)"
        " SELECT 'press-else', battle_id, rater_id, outcome, seq, created_at FROM vote"
        " WHERE key = 'press-0001'"
    )
    forge(db, again)
    assert judge(db, SAVED).twice == {"press-0001"}


async def test_a_file_with_a_torn_page_is_found_damaged(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'response'"
        ).fetchone()
    with db.open("r+b") as file:
        file.seek((root - 1) * 4096 + 8)
        file.write(b"\xff" * 64)
    assert judge(db, SAVED).damage is not None


async def test_keys_that_got_no_answer_are_counted_in_the_file(db: Path) -> None:
    assert stored_keys(db, ["press-0001", "press-9999"]) == 1


FOUND = Tally(lost={"press-0000"})


@pytest.mark.parametrize(
    ("product", "control", "faults"),
    [
        pytest.param(Tally(acknowledged=9), FOUND, [], id="as it should be"),
        pytest.param(
            Tally(acknowledged=9, lost={"press-0003"}),
            FOUND,
            ["1 acknowledged votes are lost"],
            id="a lost vote",
        ),
        pytest.param(
            Tally(acknowledged=9),
            Tally(),
            ["the control lost nothing, so this run could not have seen a loss"],
            id="a blind control",
        ),
        pytest.param(
            Tally(),
            FOUND,
            ["no vote was acknowledged, so nothing was measured"],
            id="no vote at all",
        ),
    ],
)
def test_holds_only_without_loss_and_with_a_control_that_lost(
    product: Tally, control: Tally, faults: list[str]
) -> None:
    assert faults_of(product, control) == faults


async def test_the_control_answers_before_the_vote_is_in_the_file(tmp_path: Path) -> None:
    await prepare(tmp_path / "arena.db", 1)
    later = asyncio.Event()
    store = EarlyStore(tmp_path / "arena.db", later.wait)
    try:
        await store.vote(vote(PRESSES[0]))
        assert judge(store.path, {PRESSES[0].key: (PRESSES[0], 0)}).lost
        await store.end_battle(PRESSES[0].battle, EndingKind.SKIPPED)
        later.set()
        await asyncio.gather(*store._late.values())  # noqa: SLF001 -- nothing else tells
        assert not judge(store.path, {PRESSES[0].key: (PRESSES[0], 0)}).lost
    finally:
        store.close()
