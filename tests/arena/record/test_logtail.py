"""The tail of a database: whatever happens while it reads, each row is taken once."""

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from arena.errors import StoreError
from arena.record import logtail
from arena.record.casting import NewVote
from arena.record.logtail import Tail
from arena.record.store import Store
from arena.record.tables import FlagKind
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
            connection.create_function(name, 1, self)

    def __call__(self, said: str) -> int | str:
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
