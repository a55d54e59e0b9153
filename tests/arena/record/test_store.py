"""The store: a vote is there once or not at all, and rows are only ever added."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from arena.errors import AlreadyVoted, BattleNotReady, NotAllowed, VoteNotSaved
from arena.record.casting import NewVote
from arena.record.logquery import log_counts, read_log
from arena.record.store import Store
from arena.record.tables import EndingKind, FlagKind, RaterKind
from ratings.votes import Outcome
from tests.arena.conftest import Clock, open_battle, responses

TIE = NewVote("key-0001", "b1", "ada", Outcome.TIE)


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(query).fetchall()


async def test_a_vote_is_on_the_disk_when_it_is_acknowledged(store: Store) -> None:
    await open_battle(store)
    assert await store.vote(TIE) == (1, Outcome.TIE, True)
    assert rows(store, "SELECT seq, key, outcome, supersedes FROM vote") == [
        (1, "key-0001", "tie", None)
    ]


async def test_the_same_press_sent_a_hundred_times_is_one_vote(store: Store) -> None:
    await open_battle(store)
    answers = await asyncio.gather(*(store.vote(TIE) for _ in range(100)))
    assert Counter(answers) == {(1, Outcome.TIE, True): 1, (1, Outcome.TIE, False): 99}
    assert rows(store, "SELECT max(seq) FROM vote") == [(1,)]


async def test_the_outcome_in_force_pressed_again_is_the_first_vote(store: Store) -> None:
    await open_battle(store)
    await store.vote(TIE)
    assert await store.vote(NewVote("key-0002", "b1", "ada", Outcome.TIE)) == (
        1,
        Outcome.TIE,
        False,
    )


async def test_another_outcome_on_a_voted_battle_is_refused(store: Store) -> None:
    await open_battle(store)
    await store.vote(TIE)
    with pytest.raises(AlreadyVoted, match="tie in force"):
        await store.vote(NewVote("key-0002", "b1", "ada", Outcome.MODEL_A))


async def test_a_key_cannot_carry_two_votes(store: Store) -> None:
    await open_battle(store, "b1")
    await open_battle(store, "b2")
    await store.vote(TIE)
    with pytest.raises(AlreadyVoted, match="key-0001"):
        await store.vote(NewVote("key-0001", "b2", "ada", Outcome.TIE))


async def test_a_correction_is_a_new_row_and_counts_from_its_own_place(store: Store) -> None:
    await open_battle(store, reveals=False)
    await store.vote(TIE)
    better = NewVote("key-0002", "b1", "ada", Outcome.MODEL_B)
    assert await store.vote(better, may_correct=True) == (2, Outcome.MODEL_B, False)
    assert rows(store, "SELECT seq, outcome FROM vote_in_force") == [(2, "model_b")]


async def test_a_withdrawn_vote_stays_in_the_record_and_closes_the_battle(store: Store) -> None:
    await open_battle(store)
    await store.vote(TIE)
    with pytest.raises(AlreadyVoted, match="key-0001"):
        await store.withdraw("b1", "ada", "key-0001")
    assert await store.withdraw("b1", "ada", "key-0003") == (2, True)
    assert await store.withdraw("b1", "ada", "key-0004") == (2, False)
    assert rows(store, "SELECT count(*) FROM vote_in_force") == [(0,)]
    for again in (TIE, NewVote("key-0005", "b1", "ada", Outcome.TIE)):
        with pytest.raises(BattleNotReady, match="withdrawn"):
            await store.vote(again)


async def test_nothing_to_withdraw_is_said(store: Store) -> None:
    await open_battle(store)
    with pytest.raises(BattleNotReady, match="no vote"):
        await store.withdraw("b1", "ada", "key-0003")


async def test_a_vote_before_the_responses_are_stored_is_refused(store: Store) -> None:
    await open_battle(store, ready=False)
    with pytest.raises(BattleNotReady, match="complete"):
        await store.vote(TIE)


async def test_a_vote_on_another_raters_battle_is_refused(store: Store) -> None:
    await open_battle(store)
    with pytest.raises(NotAllowed):
        await store.vote(NewVote("key-0009", "b1", "eve", Outcome.TIE))
    with pytest.raises(NotAllowed):
        await store.vote(NewVote("key-0009", "no such battle", "ada", Outcome.TIE))


@pytest.mark.parametrize("kind", list(EndingKind))
async def test_an_ended_battle_takes_no_vote(store: Store, kind: EndingKind) -> None:
    await open_battle(store)
    await store.end_battle("b1", kind, "because")
    await store.end_battle("b1", kind, "said twice, stored once")
    with pytest.raises(BattleNotReady, match=kind.value):
        await store.vote(TIE)
    assert rows(store, "SELECT cause FROM ending") == [("because",)]


@pytest.mark.parametrize("ended", [False, True])
async def test_what_was_voted_on_or_has_ended_gets_no_further_turn(
    store: Store,
    ended: bool,  # noqa: FBT001
) -> None:
    await open_battle(store)
    await (store.end_battle("b1", EndingKind.SKIPPED) if ended else store.vote(TIE))
    with pytest.raises(BattleNotReady, match="no further prompt"):
        await store.add_turn("item-b1", 1, "And why?")
    assert rows(store, "SELECT count(*) FROM turn") == [(1,)]


async def test_a_voted_battle_cannot_be_skipped(store: Store) -> None:
    await open_battle(store)
    await store.vote(TIE)
    with pytest.raises(AlreadyVoted):
        await store.end_battle("b1", EndingKind.SKIPPED)


async def test_a_refused_vote_leaves_its_neighbours_in_the_batch_alone(store: Store) -> None:
    for name in ("b1", "b2", "b3"):
        await open_battle(store, name, ready=name != "b2")
    votes = [NewVote(f"key-{n}---", f"b{n}", "ada", Outcome.MODEL_A) for n in (1, 2, 3)]
    done = await asyncio.gather(*(store.vote(vote) for vote in votes), return_exceptions=True)
    assert [type(result) for result in done] == [tuple, BattleNotReady, tuple]
    assert rows(store, "SELECT battle_id FROM vote") == [("b1",), ("b3",)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE vote SET outcome = 'model_a'",
        "DELETE FROM vote",
        "INSERT OR REPLACE INTO vote SELECT * FROM vote",
        "UPDATE response SET text = ''",
        "DELETE FROM battle",
        "UPDATE ending SET kind = 'void'",
    ],
)
async def test_rows_are_never_changed(store: Store, change: str) -> None:
    await open_battle(store)
    await store.vote(TIE)
    await open_battle(store, "b2")
    await store.end_battle("b2", EndingKind.SKIPPED)
    around = store._database.writing  # noqa: SLF001 - around the store
    with pytest.raises(IntegrityError, match="never changed"), around.begin() as connection:
        connection.execute(text(change))


async def test_order_is_that_of_the_votes_though_the_clock_jumps(
    store: Store, clock: Clock
) -> None:
    for number in (1, 2):
        await open_battle(store, f"b{number}")
        await store.vote(NewVote(f"key-000{number}", f"b{number}", "ada", Outcome.TIE))
        clock.now -= 3_600_000_000
    log = read_log(store.path)
    assert list(log["battle_id"]) == ["b1", "b2"]
    assert log["tstamp"].is_monotonic_decreasing
    assert store.newest_battle("ada") == "b2"


async def test_what_happened_is_told_in_the_order_of_the_rows_though_the_clock_jumps(
    store: Store, clock: Clock
) -> None:
    await open_battle(store, "b0")  # both models join
    for number, jump in ((1, 1_000), (2, -900)):
        clock.now += jump
        await open_battle(store, f"b{number}")
        clock.now += 1
        await store.vote(NewVote(f"key-000{number}", f"b{number}", "ada", Outcome.TIE))
    clock.now += 1
    await store.know_model("elm", "f", "none", {})
    told = [what for what, _, _ in store.past(RaterKind.HUMAN)]
    assert told == ["joined", "joined", "opened", "voted", "opened", "voted", "joined"]


async def test_models_whose_clock_ran_ahead_joined_before_they_played(
    store: Store, clock: Clock
) -> None:
    await open_battle(store, "b0", against="elm")  # pine and elm join, and then oak
    await store.know_model("oak", "f2", "int8", {})
    clock.now -= 3_600_000_000
    for number, against in ((1, "elm"), (2, "oak")):
        await open_battle(store, f"b{number}", against=against)
        await store.vote(NewVote(f"key-000{number}", f"b{number}", "ada", Outcome.TIE))
    told = [what for what, _, _ in store.past(RaterKind.HUMAN)]
    assert told == ["joined"] * 3 + ["opened", "voted"] * 2


async def test_disk_full_is_told_and_the_same_press_works_once_there_is_room(
    store: Store,
) -> None:
    await open_battle(store)
    names = [f"filler-{number}" for number in range(30)]
    for name in names:
        await open_battle(store, name)
    await _limit_pages(store, 1)
    heard = await asyncio.gather(  # all of them: who fails takes along what is written with it
        *(store.vote(NewVote(name * 100, name, "ada", Outcome.TIE)) for name in names),
        return_exceptions=True,
    )
    refused = [said for said in heard if isinstance(said, VoteNotSaved) and "full" in str(said)]
    saved = len(rows(store, "SELECT seq FROM vote"))
    assert refused
    assert saved == sum(isinstance(said, tuple) for said in heard) == len(names) - len(refused)
    await _limit_pages(store, 1_000_000)
    assert await store.vote(TIE) == (saved + 1, Outcome.TIE, True)


async def _limit_pages(store: Store, pages: int) -> None:
    """Let the file grow by no page more than it has, as on a full disk."""

    def job(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    await asyncio.wrap_future(store._writer.submit(job))  # noqa: SLF001 - the disk is below it


def test_a_disk_without_room_is_trouble_until_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("arena.record.database.ROOM", 2**80)
        assert "is full" in (store.trouble() or "")
    assert store.trouble() is None


async def test_a_replaced_file_stops_voting_instead_of_losing_votes(
    store: Store, tmp_path: Path
) -> None:
    await open_battle(store)
    (tmp_path / "arena.db").rename(tmp_path / "moved.db")
    with pytest.raises(VoteNotSaved, match="deleted or replaced"):
        await store.vote(TIE)


async def test_a_closed_store_says_that_nothing_was_saved(tmp_path: Path) -> None:
    store = Store(tmp_path / "other.db")
    await open_battle(store)
    store.close()
    with pytest.raises(VoteNotSaved, match="closed"):
        await store.vote(TIE)


async def test_models_questions_and_raters_are_entered_once(store: Store) -> None:
    assert await store.know_model("pine", "f1", "nf4", {}) == 1
    assert await store.know_model("pine", "f1", "nf4", {}) == 1
    assert await store.know_model("pine", "f2", "int8", {}) == 2
    await store.know_rater("ada")
    await store.know_rater("ada")
    assert rows(store, "SELECT count(*) FROM rater") == [(1,)]


async def test_characters_that_no_screen_shows_are_replaced(store: Store) -> None:
    await open_battle(store, ready=False)
    with_nul = responses(1, 2)
    await store.save_responses(
        "item-b1", 0, [with_nul[0], type(with_nul[1])("y", 2, "a\0b", "stop", 1, 0.1, 0.1, 3)]
    )
    assert rows(store, "SELECT text FROM response WHERE id = 2") == [("a\ufffdb",)]


async def test_the_log_undoes_the_seats_and_keeps_who_sat_where(store: Store) -> None:
    await open_battle(store, x_sits_at_a=False)
    await store.vote(NewVote("key-0001", "b1", "ada", Outcome.MODEL_B, dwell_ms=1500))
    row = read_log(store.path, conversations=True).iloc[0]
    assert (row.model_a, row.model_b, row.winner) == ("oak", "pine", "model_b")
    assert (row.quantization_a, row.finish_reason_a, row.length_b) == ("int8", "length", 4)
    assert row.conversation_b[1] == {"role": "assistant", "content": "Yes.", "num_tokens": 2}


async def test_votes_stored_are_votes_counted_and_the_rest_with_its_reason(store: Store) -> None:
    for number in range(1, 5):
        await open_battle(store, f"b{number}", reveals=False)
        await store.vote(NewVote(f"key-000{number}", f"b{number}", "ada", Outcome.TIE))
    await store.withdraw("b1", "ada", "key-0011")
    await store.vote(NewVote("key-0012", "b2", "ada", Outcome.MODEL_A), may_correct=True)
    await store.flag(3, FlagKind.SET_ASIDE, "a test of the page", "admin")
    await store.flag(4, FlagKind.SET_ASIDE, "by mistake", "admin")
    await store.flag(4, FlagKind.TAKEN_BACK, "it was a vote", "admin")
    counts = log_counts(store.path)
    assert (counts["stored"], counts["counted"]) == (5, len(read_log(store.path)))
    assert counts["set_aside"] == {
        "corrected by the rater": 1,
        "set aside: a test of the page": 1,
        "withdrawn by the rater": 1,
    }


async def test_a_caller_who_gives_up_takes_no_other_write_along(store: Store) -> None:
    await open_battle(store)
    for number in range(40):
        write = asyncio.ensure_future(store.know_rater(f"rater-{number}"))
        await asyncio.sleep(0.0005 * (number % 5))
        write.cancel()
    assert await asyncio.wait_for(store.vote(TIE), 20) == (1, Outcome.TIE, True)
    assert store.trouble() is None


async def test_trouble_is_told_before_anybody_votes(store: Store, tmp_path: Path) -> None:
    (tmp_path / "arena.db").rename(tmp_path / "moved.db")
    assert "deleted or replaced" in (store.trouble() or "")
