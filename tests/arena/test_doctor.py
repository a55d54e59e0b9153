"""The doctor: each fault is found and comes with its way out, and a healthy house is called so."""

import asyncio
import os
from pathlib import Path

import pytest

from arena.doctor import Finding, Level, _sqlite, examine, roster_findings, roster_of
from arena.record.casting import NewVote
from arena.record.store import Store
from arena.record.tables import FlagKind
from arena.settings import PoolSettings, Settings, load_settings
from arena.shipped import shipped
from ratings.votes import Outcome
from serving.spec import ModelSpec
from tests.arena.conftest import open_battle
from tests.serving.bad_server import is_busy, serving

SCRIPTED = (ModelSpec(name="oak", kind="scripted"), ModelSpec(name="pine", kind="scripted"))


def about(what: str, db: Path) -> Finding:
    return next(finding for finding in examine(db) if finding.what == what)


def about_roster(settings: Settings) -> dict[str, Finding]:
    found = roster_findings(settings, roster_of(settings))
    return {finding.what: finding for finding in found}


def test_a_healthy_house_has_nothing_bad(store: Store) -> None:
    settings = Settings(models=SCRIPTED)
    findings = [*examine(store.path), *roster_findings(settings, roster_of(settings))]
    assert [finding for finding in findings if finding.level is Level.BAD] == []
    assert about("database", store.path).found.endswith("0 votes stored, 0 counted")


def test_a_database_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    assert about("database", tmp_path / "none.db").level is Level.NOTE


def test_a_damaged_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "arena.db").write_bytes(b"nonsense " * 1000)
    assert about("database", tmp_path / "arena.db").level is Level.BAD


def test_a_folder_is_no_database_and_needs_no_backup(tmp_path: Path) -> None:
    said = f"{tmp_path} is a folder. Name a file, such as {tmp_path / 'arena.db'}."
    assert about("database", tmp_path) == Finding(Level.BAD, "database", said)


def test_what_a_server_would_refuse_is_told_in_its_words(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other.db").hardlink_to(store.path)
    (tmp_path / "empty.db").touch()
    for name, said in (("other.db", "has another name (a hard link)"), ("empty.db", "is empty")):
        finding = about("database", tmp_path / name)
        assert (finding.level, said in finding.found) == (Level.BAD, True)


def test_a_circle_of_links_is_told(tmp_path: Path) -> None:
    circle = tmp_path / "circle.db"
    circle.symlink_to(circle)
    assert about("disk", circle).found == f"{circle} is a link that leads to itself. Name a file."


def test_a_database_is_looked_at_by_its_whole_name_and_nothing_is_made(tmp_path: Path) -> None:
    Store(tmp_path / "lab #2.db").close()
    (tmp_path / "lab #3.db").write_bytes(b"nonsense " * 1000)
    assert about("database", tmp_path / "lab #2.db").level is Level.GOOD
    found = about("database", tmp_path / "lab #3.db")
    assert found.found.endswith("is damaged or cannot be read: file is not a database")
    assert not (tmp_path / "lab ").exists()


async def test_many_votes_left_out_are_told_with_the_reason(store: Store) -> None:
    await open_battle(store)
    await store.vote(NewVote("key-0001", "b1", "ada", Outcome.TIE))
    await store.flag(1, FlagKind.SET_ASIDE, "a test", "admin")
    finding = about("database", store.path)
    assert (finding.level, finding.way_out) == (Level.NOTE, "1 set aside: a test")


def test_a_key_that_others_can_read_is_found(store: Store) -> None:
    key = store.path.with_name("arena.db.key")
    key.write_bytes(b"k" * 32)
    key.chmod(0o644)
    assert about("signing key", store.path).way_out == f"chmod 600 {key}"
    key.chmod(0o600)
    assert about("signing key", store.path).level is Level.GOOD
    key.write_bytes(b"short")
    finding = about("signing key", store.path)
    assert (finding.level, finding.way_out[:9]) == (Level.BAD, "Delete it")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert about("disk", tmp_path / "arena.db").level is Level.BAD


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((3, 40, 1), Level.NOTE),
        ((3, 44, 5), Level.NOTE),
        ((3, 44, 6), Level.GOOD),
        ((3, 50, 6), Level.NOTE),
        ((3, 50, 7), Level.GOOD),
        ((3, 51, 2), Level.NOTE),
        ((3, 51, 3), Level.GOOD),
        ((3, 54, 0), Level.GOOD),
    ],
)
def test_sqlite_with_the_wal_fault_is_named(version: tuple[int, ...], level: Level) -> None:
    assert _sqlite(version).level is level


def test_a_model_whose_checkpoint_is_gone_is_named(tmp_path: Path) -> None:
    gone = ModelSpec(name="elm", checkpoint=str(tmp_path / "gone"))
    finding = about_roster(Settings(models=(*SCRIPTED, gone)))["elm"]
    assert (finding.level, "there is no checkpoint folder" in finding.found) == (Level.BAD, True)


def test_what_a_model_lacks_is_told_with_file_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    path = tmp_path / "lab.toml"
    table = f'[[models]]\nname = "{{}}"\ncheckpoint = "{tiny().checkpoint}"\n{{}}\n'
    fields = {"elm": 'device = "cuda:99"', "fir": 'adapter = "./empty"', "ash": 'adapter = "gone"'}
    path.write_text("".join(table.format(*field) for field in fields.items()), encoding="utf-8")
    settings = load_settings(path)
    found = list(roster_findings(settings, roster_of(settings)))
    for what, told in (
        ("elm", "line 4, models[0].device: device cuda:99 is not there"),
        ("fir", f"line 8, models[1].adapter: the adapter {tmp_path / 'empty'} has no adapter_con"),
        (
            "ash",
            "line 12, models[2].adapter: adapter gone is neither a folder nor in the hub's cache",
        ),
    ):
        lacks = [finding.found for finding in found if finding.what == what]
        assert any(lack.startswith(f"{path}, {told}") for lack in lacks)


def tiny(**fields: object) -> ModelSpec:
    """Return a model that is shipped."""
    folder = next(path for path in shipped("models").iterdir() if (path / "config.json").exists())
    return ModelSpec.model_validate({"name": "elm", "checkpoint": str(folder), **fields})


def test_a_model_larger_than_the_budget_is_named() -> None:
    pool = PoolSettings(memory_gib=1e-6)
    finding = about_roster(Settings(models=(*SCRIPTED, tiny()), pool=pool))["elm"]
    assert (finding.level, "Raise [pool]" in finding.way_out) == (Level.BAD, True)


def test_a_budget_of_some_megabytes_is_told_in_the_unit_that_it_is_set_in() -> None:
    pool = PoolSettings(memory_gib=0.001)
    finding = about_roster(Settings(models=(*SCRIPTED, tiny()), pool=pool))["elm"]
    assert finding.found.endswith(" GiB; the budget is 0.00100 GiB")


def test_models_that_take_turns_are_counted() -> None:
    models = tuple(tiny(name=name, batch=number) for number, name in enumerate("abc", start=1))
    together = about_roster(Settings(models=models))
    assert together["roster"].found == "all models fit into memory together"
    assert together["cpu"].found.startswith("3 at once, ")
    largest = sum(need.estimate.total for need in roster_of(Settings(models=models)).needs[1:])
    pool = PoolSettings(memory_gib=largest / 2**30)
    turns = about_roster(Settings(models=models, pool=pool))
    assert turns["roster"].found.startswith("1 of 3 models take turns")


def test_two_models_that_never_fit_together_are_told() -> None:
    models = (tiny(name="a", batch=3), tiny(name="b", batch=4))
    finding = about_roster(Settings(models=models, pool=PoolSettings(memory_gib=0.02)))["pairs"]
    assert finding.level is Level.BAD
    assert "a and b need" in finding.found


def test_what_is_kept_on_disk_is_told_with_its_folder(tmp_path: Path) -> None:
    models = (*SCRIPTED, tiny(quantization="nf4", cache=str(tmp_path)))
    assert about_roster(Settings(models=models))["cache"].found.endswith(f"GiB in {tmp_path}")
    (taken := tmp_path / "file").touch()
    models = (*SCRIPTED, tiny(quantization="nf4", cache=str(taken / "kept")))
    assert "cannot be written" in about_roster(Settings(models=models))["cache"].found


def test_models_of_unequal_lengths_are_noted() -> None:
    models = (
        tiny(name="a", context_tokens=96, output_tokens=64),
        tiny(name="b", output_tokens=128),
    )
    found = about_roster(Settings(models=models))
    assert found["context_tokens"].level is found["output_tokens"].level is Level.NOTE
    assert "unset and 96; " in found["context_tokens"].found
    assert found["context_tokens"].found.endswith("bounds every conversation: 96 bytes")
    assert "64 and 128" in found["output_tokens"].found
    alike = about_roster(Settings(models=(tiny(name="a"), tiny(name="b"))))
    assert alike.keys().isdisjoint({"context_tokens", "output_tokens"})


def test_a_roster_without_room_for_a_prompt_is_told() -> None:
    models = (*SCRIPTED, tiny(context_tokens=96, output_tokens=90))
    finding = about_roster(Settings(models=models))["room"]
    assert finding == Finding(
        Level.BAD,
        "room",
        "models[2].output_tokens: elm takes 96 tokens, and 90 of them are kept for a response: "
        "room for 18 bytes of conversation, and a prompt takes at least 52",
        "Lower output_tokens, raise context_tokens, or leave the model out.",
    )


def test_a_system_prompt_that_leaves_no_room_is_told() -> None:
    models = (*SCRIPTED, tiny(context_tokens=96, output_tokens=48, system_prompt="Be." * 30))
    finding = about_roster(Settings(models=models))["room"]
    assert finding.found.startswith("models[2].system_prompt: elm takes 96 tokens, and 48 of them")
    assert "its system_prompt takes 138 bytes: room for 6 bytes" in finding.found
    assert finding.way_out.startswith("Shorten system_prompt, lower output_tokens")


def test_a_server_that_does_not_answer_is_told() -> None:
    far = ModelSpec(name="far", url="http://127.0.0.1:9/v1", remote_name="x")
    finding = about_roster(Settings(models=(*SCRIPTED, far)))["far"]
    assert (finding.level, "does not serve us" in finding.found) == (Level.BAD, True)
    assert finding.way_out == "Start the server, or correct url."


async def test_a_server_that_is_busy_in_that_moment_is_no_fault() -> None:
    async with serving(is_busy("60")) as server:
        far = ModelSpec(name="far", url=server.url, remote_name="x")
        found = await asyncio.to_thread(about_roster, Settings(models=(*SCRIPTED, far)))
    assert found["far"].level is Level.NOTE
    assert found["far"].found.endswith("/v1 does not serve us: HTTP 429: slow down")
    assert found["far"].way_out.startswith("Wait until it takes requests again")


def test_a_server_whose_room_nobody_knows_is_noted() -> None:
    far = ModelSpec(name="far", url="http://127.0.0.1:9/v1", remote_name="x")
    finding = about_roster(Settings(models=(*SCRIPTED, far)))["far, room"]
    assert finding.level is Level.NOTE
    assert finding.found.startswith("context_tokens is not set: what is too long for its server")
    bounded = far.model_copy(update={"context_tokens": 4096})
    assert "far, room" not in about_roster(Settings(models=(*SCRIPTED, bounded)))
