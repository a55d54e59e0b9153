"""The tail of a database: whatever happens while it reads, each row is taken once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from arena.errors import StoreError
from arena.record import logtail
from arena.record.casting import NewVote
from arena.record.entering import NewResponse
from arena.record.logtail import Tail
from arena.record.store import Store
from arena.record.tables import EndingKind, FlagKind
from ratings.votes import Outcome
from tests.arena.conftest import open_battle


async def cast(store: Store, *names: str) -> None:
    """Cast a vote on a new battle of each name."""
    for name in names:
        opened = await open_battle(store, name)
        await store.vote(NewVote(f"key-{name}", name, opened.rater, Outcome.MODEL_A))


class Failing:
    """A function of SQL, put in the place of one that reading needs, which fails at one call."""

    def __init__(self, tail: Tail, name: str, at: int) -> None:
        self.calls, self._at = 0, at
        tail._engine.dispose()  # noqa: SLF001  # the next connection is a new one

        @event.listens_for(tail._engine, "connect")  # noqa: SLF001  # below it there is the driver alone
        def _replace(connection: DBAPIConnection, _: object) -> None:
            connection.create_function(name, {"trim": 2, "length": 1}[name], self)

    def __call__(self, said: str, _: str = "") -> int | str:
        self.calls += 1
        if self.calls == self._at:
            raise OSError("the disk is gone for a moment")
        return len(said) if said else ""


def taken(tail: Tail) -> list[object]:
    """Everything that a tail knows, as something that can be compared."""
    votes, aside = tail.votes()
    return [votes["seq"].tolist(), aside["set_aside"].tolist(), tail.failures, tail.seen]


def afresh(path: Path) -> list[object]:
    """Everything that a tail knows which has read it all in one go."""
    tail = Tail(path)
    tail.look()
    return taken(tail)


@pytest.mark.parametrize("function", ["trim", "length"])  # one of responses, one of votes
@pytest.mark.parametrize("call", [1, 3, 5])
@pytest.mark.parametrize("looked_before", [False, True])
async def test_a_read_that_fails_part_way_takes_no_row_twice_and_loses_none(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    call: int,
    looked_before: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(logtail, "_AT_ONCE", 2)
    tail = Tail(store.path)
    await cast(store, "b1", "b2")
    if looked_before:
        tail.look()
    await cast(store, "b3", "b4", "b5", "b6", "b7")
    await store.withdraw("b3", "ada", "key-w")
    await store.flag(1, FlagKind.SET_ASIDE, "a test", "admin")
    failing = Failing(tail, function, call)
    with pytest.raises(StoreError, match="user-defined function raised"):
        tail.look()
    assert failing.calls == call
    assert tail.look() is None, "what the failed look took was never returned"
    assert taken(tail) == afresh(store.path)
    assert tail.look() == []


def failures(tail: Tail) -> dict[str, tuple[int, int]]:
    """How many responses of each model failed, and of how many, after another look."""
    tail.look()
    return {shown.model: counts for shown, counts in tail.failures.items()}


async def test_a_response_counts_from_the_first_vote_on_it_and_once(store: Store) -> None:
    tail = Tail(store.path)
    await open_battle(store, "b1", reveals=False)  # oak's responses are all cut
    await open_battle(store, "b2", ready=False)
    for ending in EndingKind:
        await open_battle(store, ending.value)
        await store.end_battle(ending.value, ending)
    assert failures(tail) == {}
    await store.vote(NewVote("key-0001", "b1", "ada", Outcome.TIE))
    once = {"oak": (1, 1), "pine": (0, 1)}
    assert failures(tail) == once
    await store.vote(NewVote("key-0002", "b1", "ada", Outcome.MODEL_A), may_correct=True)
    assert failures(tail) == once
    await store.withdraw("b1", "ada", "key-0003")
    assert failures(tail) == once
    assert taken(tail) == afresh(store.path)


async def test_every_turn_that_was_voted_on_counts(store: Store) -> None:
    tail = Tail(store.path)
    await open_battle(store)
    await store.add_turn("item-b1", 1, "And why?")
    numbers = {name: await store.know_model(name, "", "", {}) for name in ("pine", "oak")}
    said = [
        NewResponse(place, numbers[name], "\n \n", "stop", 0, 0.1, 0.1, 1)  # shown as empty
        for place, name in (("x", "pine"), ("y", "oak"))
    ]
    await store.save_responses("item-b1", 1, said)
    assert failures(tail) == {}
    await store.vote(NewVote("key-0001", "b1", "ada", Outcome.TIE))
    assert failures(tail) == {"oak": (2, 2), "pine": (1, 2)}


async def test_what_two_raters_judge_counts_from_the_first_of_them_on(
    store: Store,
) -> None:
    await open_battle(store, "b1")
    _show_again(store, "item-b1", "b2", "bob")
    _show_again(store, "item-b1", "b3", "a program", "simulated")
    tail = Tail(store.path)
    await store.vote(NewVote("key-0003", "b3", "a program", Outcome.TIE))
    await store.vote(NewVote("key-0002", "b2", "bob", Outcome.TIE))
    once = {"oak": (1, 1), "pine": (0, 1)}
    assert failures(tail) == once
    await store.vote(NewVote("key-0001", "b1", "ada", Outcome.TIE))
    assert failures(tail) == once
    assert {shown.rater_kind for shown in tail.failures} == {"human", "simulated"}
    assert taken(tail) == afresh(store.path)


def _show_again(store: Store, item: str, battle: str, rater: str, kind: str = "human") -> None:
    """Show an item to a second rater, as studies will."""
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("INSERT INTO rater VALUES (?, ?, 0)", (rater, kind))
        connection.execute(
            "INSERT INTO battle VALUES (?, ?, ?, 0, 0, 'paced', 1.0, 0, NULL)",
            (battle, item, rater),
        )


async def test_votes_that_come_in_several_parts_are_no_news_of_the_last_part_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logtail, "_AT_ONCE", 2)
    tail = Tail(store.path)
    await cast(store, "b1")
    assert tail.look() is None
    await cast(store, "b2", "b3")
    assert [vote.item_id for vote in tail.look() or []] == ["item-b2", "item-b3"]
    await cast(store, "b4", "b5", "b6")
    assert tail.look() is None
    assert taken(tail) == afresh(store.path)


async def test_votes_in_codes_are_the_same_read_in_parts_or_in_one_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cast(store, "b1", "b2", "b3", "b4", "b5")
    whole = Tail(store.path)
    whole.look()
    monkeypatch.setattr(logtail, "_AT_ONCE", 2)
    parts = Tail(store.path)
    parts.look()
    assert_frame_equal(parts.votes()[0], whole.votes()[0])
