"""Responses made ahead: entered once, found again with who made them, never changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.questions import Question
from arena.record.ahead import Key, MadeResponse
from arena.record.store import Store

ICE = Question("ice", "physics", {"en": "Why does ice float?"})


async def key_of(store: Store, fingerprint: str = "f1", seed: int = 5) -> Key:
    study = await store.know_study("survey", "the file")
    questions = await store.know_questions([ICE])
    model = await store.know_model("pine", fingerprint, "nf4", {"top_p": 0.9})
    return Key(study, questions["ice"], "en", model, seed)


def made(key: Key, text: str = "It is lighter.") -> MadeResponse:
    return MadeResponse(key, "c0ffee", text, "stop", 4, 0.5, 0.1, 123)


async def test_a_response_is_found_by_its_key_and_with_its_maker(store: Store) -> None:
    key = await key_of(store)
    await store.save_ahead(made(key))
    keys, makers = store.made_ahead(key.study_id)
    assert keys == {key}
    assert [(m.name, m.spec, m.checkpoint) for m in makers] == [("pine", {"top_p": 0.9}, "c0ffee")]


async def test_the_same_key_is_stored_once_and_the_first_one_stays(
    store: Store, tmp_path: Path
) -> None:
    key = await key_of(store)
    await store.save_ahead(made(key))
    with pytest.raises(StoreError, match="UNIQUE"):
        await store.save_ahead(made(key, "It is heavier."))
    with closing(sqlite3.connect(tmp_path / "arena.db")) as connection:
        assert connection.execute("SELECT text FROM response").fetchall() == [("It is lighter.",)]


async def test_another_seed_or_model_is_another_response(store: Store) -> None:
    keys = [await key_of(store), await key_of(store, seed=6), await key_of(store, "f2")]
    for key in keys:
        await store.save_ahead(made(key))
    assert store.made_ahead(keys[0].study_id)[0] == set(keys)


async def test_a_study_keeps_its_number_and_its_first_file(store: Store, tmp_path: Path) -> None:
    first = await store.know_study("survey", "the file")
    assert await store.know_study("survey", "another file") == first
    assert await store.know_study("other", "the file") != first
    with closing(sqlite3.connect(tmp_path / "arena.db")) as connection:
        found = connection.execute("SELECT plan FROM study WHERE name = 'survey'").fetchall()
    assert found == [("the file",)]


async def test_a_response_made_ahead_is_never_changed(store: Store, tmp_path: Path) -> None:
    await store.save_ahead(made(await key_of(store)))
    for change in ("UPDATE study_response SET seed = 9", "DELETE FROM study_response"):
        with (
            closing(sqlite3.connect(tmp_path / "arena.db")) as connection,
            pytest.raises(sqlite3.IntegrityError, match="never changed"),
        ):
            connection.execute(change)


async def test_a_character_that_no_database_takes_is_replaced(store: Store, tmp_path: Path) -> None:
    await store.save_ahead(made(await key_of(store), "a\0b"))
    with closing(sqlite3.connect(tmp_path / "arena.db")) as connection:
        assert connection.execute("SELECT text FROM response").fetchone() == ("a\ufffdb",)
