"""The vote log: a database and its export say the same, and every vote left out has its reason."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from arena.errors import ConfigError, StoreError
from arena.formats import COLUMNS, EXPORTS
from arena.record.casting import NewVote
from arena.record.store import Store
from arena.record.tables import FlagKind
from arena.votelog import (
    every_vote,
    export_votes,
    is_database,
    listed,
    load_votes,
    read_for_boards,
    read_source,
)
from ratings.votes import Outcome
from tests.arena.conftest import open_battle


@pytest.fixture
async def database(store: Store) -> Path:
    """Four votes: one counts, one is withdrawn, one corrected (and counts), one set aside."""
    for name in ("b1", "b2", "b3", "b4"):
        await open_battle(store, name, reveals=False)
        await store.vote(NewVote(f"key-{name}", name, "ada", Outcome.MODEL_A))
    await store.withdraw("b2", "ada", "key-w")
    await store.vote(NewVote("key-c", "b3", "ada", Outcome.TIE), may_correct=True)
    await store.flag(4, FlagKind.SET_ASIDE, "tested the buttons", "admin")
    return store.path


REASONS = {
    "b2": "withdrawn by the rater",
    "b3": "corrected by the rater",
    "b4": "set aside: tested the buttons",
}


def test_only_votes_in_force_are_loaded(database: Path) -> None:
    log = load_votes(database)
    assert log[["battle_id", "winner"]].to_numpy().tolist() == [["b1", "model_a"], ["b3", "tie"]]


def test_every_vote_left_out_has_its_reason(database: Path) -> None:
    source = read_source(database)
    reasons = dict(source.aside[["battle_id", "set_aside"]].to_numpy().tolist())
    assert (len(source.votes), reasons) == (2, REASONS)


async def test_of_several_reasons_the_newest_is_told_and_whole(store: Store) -> None:
    await open_battle(store)
    await store.vote(NewVote("key-1", "b1", "ada", Outcome.TIE))
    await store.flag(1, FlagKind.SET_ASIDE, "by mistake", "admin")
    await store.flag(1, FlagKind.TAKEN_BACK, "it was a vote", "admin")
    await store.flag(1, FlagKind.SET_ASIDE, "two at one screen; both said so", "admin")
    for read in (read_source, read_for_boards):
        aside = read(store.path).aside
        assert aside["set_aside"].tolist() == ["set aside: two at one screen; both said so"]


def test_a_response_cut_at_the_cap_is_a_failure_of_its_model(database: Path) -> None:
    failures = read_for_boards(database).failures
    assert {shown.model: said for shown, said in failures.items()} == {
        "oak": (4, 4),
        "pine": (0, 4),
    }


def test_a_board_reads_the_same_votes_from_a_database_and_from_its_export(
    database: Path, tmp_path: Path
) -> None:
    export_votes(database, tmp_path / "all.parquet", every=True)
    there, here = read_for_boards(tmp_path / "all.parquet"), read_for_boards(database)
    for name in ("question_id", "item_id", "seq", "anony"):
        assert there.votes[name].tolist() == here.votes[name].tolist()
    for name in ("model_a", "model_b", "winner", "judge", "rater_kind", "quantization_b"):
        assert there.votes[name].astype("str").tolist() == here.votes[name].astype("str").tolist()
    reasons = [
        dict(zip(log.aside["seq"], log.aside["set_aside"], strict=True)) for log in (there, here)
    ]
    assert reasons[0] == reasons[1] == dict(zip((2, 3, 4), REASONS.values(), strict=True))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_an_export_loads_as_the_database_does(database: Path, tmp_path: Path, ending: str) -> None:
    export_votes(database, tmp_path / f"out{ending}")
    for name in ("question_id", "model_a", "winner", "judge", "tstamp", "seq", "length_b"):
        assert (
            load_votes(tmp_path / f"out{ending}")[name].tolist()
            == load_votes(database)[name].tolist()
        )


def test_an_export_of_all_keeps_the_reasons(database: Path, tmp_path: Path) -> None:
    assert export_votes(database, tmp_path / "all.csv", every=True).votes == 5
    source = read_source(tmp_path / "all.csv")
    assert source.votes["battle_id"].tolist() == ["b1", "b3"]
    reasons = dict(source.aside[["battle_id", "set_aside"]].to_numpy().tolist())
    assert reasons == REASONS


def test_all_votes_stand_in_their_order(database: Path) -> None:
    assert every_vote(database)["seq"].tolist() == [1, 2, 3, 4, 6]


def test_a_public_format_cannot_say_which_votes_count(database: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out one of the two"):
        export_votes(database, tmp_path / "all.csv", export="lmsys", every=True)


def test_an_export_tells_whose_votes_its_format_makes_a_person_s_blind_ones(tmp_path: Path) -> None:
    rows = [
        {"rater_kind": "human"},
        {"rater_kind": None, "anony": False},
        {"rater_kind": "simulated"},
        {"rater_kind": "model"},
        {"rater_kind": "model"},
    ]
    log = pd.DataFrame(rows).assign(model_a="oak", model_b="pine", winner="tie")
    log.to_json(tmp_path / "v.jsonl", orient="records", lines=True)
    told = {
        form: export_votes(tmp_path / "v.jsonl", tmp_path / "out.csv", export=form).unsaid
        for form in EXPORTS
    }
    others = {"simulated": 1, "model": 2}
    assert told == {
        "evenhand": {},
        "flat": {},
        "lmsys": others,
        "arena-100k": others,
        "arena-55k": {**others, "shown": 1},
        "arena-140k": {**others, "shown": 1},
    }


def test_conversations_come_when_asked_for(database: Path) -> None:
    log = load_votes(database, conversations=True)
    assert list(log.columns) == list(COLUMNS)
    assert log["conversation_a"][0][1]["content"] == "Yes."


def test_a_database_of_an_older_evenhand_is_exported_as_it_stands(
    store: Store, database: Path, tmp_path: Path
) -> None:
    store.close()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE battle DROP COLUMN resident")
    assert export_votes(database, tmp_path / "out.csv").votes == 2
    log = load_votes(database)
    assert list(log.columns) == [name for name in COLUMNS if not name.startswith("conversation")]
    assert log["resident"].isna().all()


def test_a_public_export_masks_what_was_said(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "ann@example.org"}]
    row = {"model_a": "oak", "model_b": "pine", "winner": "tie", "conversation_a": turns}
    pd.DataFrame([row]).to_json(tmp_path / "v.jsonl", orient="records", lines=True)
    export_votes(tmp_path / "v.jsonl", tmp_path / "out.jsonl", public=True)
    assert "[e-mail]" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_a_database_is_known_by_what_is_in_it_or_by_its_name(
    database: Path, tmp_path: Path
) -> None:
    (tmp_path / "log.csv").write_text("model_a,model_b,winner\n", encoding="utf-8")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "votes.csv"),))
    assert is_database(tmp_path / "votes.csv")
    assert not is_database(tmp_path / "log.csv")
    assert is_database("sqlite:///votes.csv")
    assert is_database("none.db")


@pytest.mark.parametrize("name", ["none.db", "none.csv", "sqlite:///none.db", "folder"])
def test_a_source_that_is_missing_or_a_folder_is_a_mistake_in_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=name.removeprefix("sqlite:///")):
        load_votes(name)


def refused(path: Path) -> str:
    """Return what is said of a file that is at fault itself, and not the command."""
    with pytest.raises(StoreError) as refusal:
        load_votes(path)
    assert refusal.value.exit_status == 1
    assert "SELECT" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_database_is_damaged_and_no_sql(
    store: Store, database: Path, tmp_path: Path, share: float
) -> None:
    store.close()
    whole = database.read_bytes()
    cut = tmp_path / "trunc.db"
    cut.write_bytes(whole[: int(share * len(whole))])
    assert f"{cut} is damaged (" in refused(cut)
    assert "Restore a backup." in refused(cut)


@pytest.mark.parametrize("content", [b"", b"no database", b"model_a,model_b,winner\n"])
def test_a_file_that_is_only_called_a_database_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g.db").write_bytes(content)
    assert "is no Evenhand database" in refused(tmp_path / "g.db")


def test_a_database_of_another_program_is_none_of_ours(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "songs.db")) as connection:
        connection.execute("CREATE TABLE song (name TEXT)")
    assert "songs.db is no Evenhand database" in refused(tmp_path / "songs.db")


def test_reasons_are_told_with_their_numbers() -> None:
    assert listed({"withdrawn": 1200, "blind": 1}) == "1,200 withdrawn, 1 blind"
