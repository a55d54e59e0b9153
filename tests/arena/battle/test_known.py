"""Who is in the record: entered once, known by number, and counted by kind."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from arena.battle import known as module
from arena.battle.known import Known
from arena.identity import FILES
from arena.questions import Question
from arena.record.casting import NewVote
from arena.record.store import Store
from arena.record.tables import RaterKind
from ratings.votes import Outcome
from serving.spec import ModelSpec
from tests.arena.conftest import open_battle

BAT = Question("bat", "biology", {"en": "Is a bat a mammal?"})
OAK, PINE = (ModelSpec(name=name, kind="scripted", responses=("Yes.",)) for name in ("oak", "pine"))


async def test_a_restart_finds_the_same_numbers(store: Store) -> None:
    first, second = Known(store), Known(store)
    await first.enter([OAK, PINE], [BAT])
    await second.enter([PINE, OAK], [BAT])
    assert first.models == second.models
    assert len(set(first.models.values())) == len(first.models)
    asked = ("bat", "en", "Is a bat a mammal?")
    assert first.question(*asked) == second.question(*asked)
    assert first.question(*asked) is not None


async def test_a_typed_prompt_and_a_question_of_no_bank_have_no_number(store: Store) -> None:
    known = Known(store)
    await known.enter([OAK, PINE], [BAT])
    for name in (None, "of another bank"):
        assert known.question(name, "en", "Is a bat a mammal?") is None


async def test_a_prompt_is_a_question_only_if_it_asks_it(store: Store) -> None:
    known = Known(store)
    await known.enter([OAK, PINE], [BAT])
    assert known.question("bat", "en", "Write a poem about bats.") is None
    assert known.question("bat", "zh", "Is a bat a mammal?") is None


async def test_the_votes_of_another_kind_of_rater_are_not_counted(store: Store) -> None:
    opened = await open_battle(store)
    await store.vote(
        NewVote("key-0001", opened.battle, opened.rater, Outcome.TIE, None), may_correct=False
    )
    happened = [what for what, _, _ in Known(store).past()]
    assert happened == ["joined", "joined", "opened", "voted"]
    assert {what for what, _, _ in Known(store, RaterKind.SIMULATED).past()} == {"joined"}


async def test_a_rater_is_in_the_record_once_also_when_met_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 1)
    known = Known(store, RaterKind.SIMULATED)
    for rater in ("ada", "eve", "ada"):
        await known.meet(rater)
    with closing(sqlite3.connect(store.path)) as connection:
        raters = connection.execute("SELECT id, kind FROM rater ORDER BY id").fetchall()
    assert raters == [("ada", "simulated"), ("eve", "simulated")]


@pytest.mark.parametrize(
    ("files", "told"),
    [({FILES: "c0ffee"}, "changed since: the files of the checkpoint."), ({}, "")],
    ids=["others", "not kept at that time"],
)
async def test_other_weights_under_a_name_are_told(
    files: dict[str, str], told: str, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.json").write_text("{}")
    pine = ModelSpec(name="pine", checkpoint=str(tmp_path))
    await store.know_model("pine", "f1", "none", {**pine.model_dump(mode="json"), **files})
    opened = await open_battle(store)
    await store.vote(
        NewVote("key-0001", opened.battle, opened.rater, Outcome.TIE, None), may_correct=False
    )
    await Known(store).enter([pine], [BAT])
    assert told in caplog.text
    assert (caplog.text == "") == (told == "")


async def test_a_model_that_changed_under_its_name_is_told_with_its_votes(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Ratings go by name: its new votes would be counted with those of another model."""
    known = Known(store)
    opened = await open_battle(store)  # between two models of these names, which said nothing
    await known.enter([OAK, PINE], [BAT])
    assert caplog.text == ""  # nobody voted on them
    await store.vote(
        NewVote("key-0001", opened.battle, opened.rater, Outcome.TIE, None), may_correct=False
    )
    longer = PINE.model_copy(update={"output_tokens": 99})
    for roster in ([PINE, OAK], [longer]):
        await known.enter(roster, [BAT])
    told = [record.getMessage() for record in caplog.records]
    assert all(line.startswith(f"{store.path}: 1 of its votes are on another") for line in told)
    assert [line.partition("changed since: ")[2].partition(".")[0] for line in told] == [
        "responses",
        "responses",
        "output_tokens, responses",
    ]


async def test_votes_are_gone_through_once_at_a_start_also_where_models_changed(
    store: Store,
) -> None:
    """Of a million it takes ten seconds."""
    await open_battle(store)  # between two models of these names, which said nothing
    said: list[str] = []
    reading = store._database.reading  # noqa: SLF001 -- to overhear it
    event.listen(reading, "before_cursor_execute", lambda *told: said.append(told[2]))
    known = Known(store)
    await known.enter([OAK, PINE], [BAT])
    assert [what for what, _, _ in known.past()].count("joined") == 4
    assert sum("vote_in_force" in statement for statement in said) == 1
