"""Turns that follow each other closely, and turns when the server stops."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from typing import Any

import pytest

from arena.battle.views import State
from arena.errors import ModelUnavailable, StoreError
from arena.record.store import Store
from serving.engine import Event, Prompt
from serving.scripted import ScriptedEngine
from tests.arena.battle.conftest import OAK, Make, ready, scripted, shown, token

SLOW = [scripted(name, "word " * 200, chunk_s=0.05) for name in ("oak", "pine")]


def endings(store: Store) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(store.path)) as connection:
        query = "SELECT kind, cause FROM battle LEFT JOIN ending ON battle.id = battle_id"
        return connection.execute(query).fetchall()


def turns() -> list["asyncio.Task[object]"]:
    return [task for task in asyncio.all_tasks() if "RunningTurn._run" in repr(task)]


class Held:
    """Holds the named write of a store up until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store, name: str) -> None:
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        write = getattr(store, name)

        async def held(*values: object) -> None:
            self.begun.set()
            await self.let_go.wait()
            await write(*values)

        monkeypatch.setattr(store, name, held)


async def test_a_turn_that_begins_while_the_one_before_comes_to_its_end_is_not_lost(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its responses are on the disk, and nobody was told yet."""
    written, let_go, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Waits(ScriptedEngine):
        async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
            if prompt.messages[-1].content == "And why?":
                await may_end.wait()
            async for event in super().stream(prompt):
                yield event

    battles, write = await make(build=Waits), store.save_responses

    async def save(*values: Any) -> None:  # noqa: ANN401 - handed on
        await write(*values)
        written.set()
        await let_go.wait()

    monkeypatch.setattr(store, "save_responses", save)
    battle = (await battles.open("ada", "Why?")).battle_id
    first = battles._turns.running(battle)  # noqa: SLF001 -- to see its end
    assert first is not None
    await written.wait()
    view = await battles.follow_up(token(await battles.view(battle, "ada")), "ada", "And why?")
    let_go.set()
    await first.wait()
    assert (await battles.view(battle, "ada")).state is State.STREAMING
    may_end.set()
    assert (await shown(battles, view)).state is State.READY


async def test_no_turn_begins_while_the_server_stops(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    battles = await make(*SLOW)
    await battles.open("ada", "Why?")
    held = Held(monkeypatch, store, "end_battle")
    closing = asyncio.create_task(battles.close())
    await held.begun.wait()
    with pytest.raises(ModelUnavailable, match="being stopped"):
        await battles.open("bob", "Why?")
    held.let_go.set()
    await closing
    assert endings(store) == [("void", "the server was stopped")]
    assert turns() == []


@pytest.mark.parametrize("follow_up", [False, True])
async def test_a_battle_whose_rows_are_written_meanwhile_is_ended_too(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch, *, follow_up: bool
) -> None:
    battles = await make()
    held = Held(monkeypatch, store, "add_turn" if follow_up else "open_battle")
    if follow_up:
        begins = battles.follow_up(token(await ready(battles)), "ada", "And why?")
    else:
        begins = battles.open("ada", "Why?")
    beginning = asyncio.create_task(begins)
    await held.begun.wait()
    closing = asyncio.create_task(battles.close())
    await asyncio.sleep(0)
    held.let_go.set()
    await closing
    with pytest.raises(ModelUnavailable, match="being stopped"):
        await beginning
    assert endings(store) == [("void", "the server was stopped")]
    assert turns() == []


async def test_an_ending_that_cannot_be_stored_holds_up_no_other(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    battles = await make(*SLOW)
    for rater in ("ada", "bob", "eve"):
        await battles.open(rater, "Why?")
    end_battle, tried = store.end_battle, iter(range(3))

    async def fails_once(*values: object) -> None:
        if next(tried) == 1:
            raise StoreError("the disk is full")
        await end_battle(*values)  # type: ignore[arg-type]  # whatever the turns say

    monkeypatch.setattr(store, "end_battle", fails_once)
    with pytest.raises(StoreError, match="the disk is full"):
        await battles.close()
    assert turns() == []
    ended = ("void", "the server was stopped")
    assert sorted(endings(store), key=str) == [ended, ended, (None, None)]


async def test_a_turn_that_a_full_disk_loses_is_one_line_of_the_log(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*_: object) -> None:
        raise StoreError("the disk is full")

    battles = await make(OAK, scripted("pine", "No."))
    monkeypatch.setattr(store, "save_responses", full)
    with suppress(StoreError):
        await ready(battles)
    (line,) = (line for line in caplog.records if "its turn is lost" in line.getMessage())
    assert line.getMessage().endswith(": its turn is lost: the disk is full")
    assert line.exc_info is None


async def test_a_model_that_is_left_out_stays_out_of_older_battles_too(
    make: Make, store: Store
) -> None:
    view = await ready(await make())
    battles = await make()
    battles._known._models.pop("pine")  # noqa: SLF001 -- as after a restart
    await battles.follow_up(token(view), "ada", "And why?")
    await battles.finished(view.battle_id, "ada")
    cause = "backend: pine: left out until the server is started again"
    assert endings(store) == [("void", cause)]
