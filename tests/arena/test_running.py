"""A server put together: an arena in which two models can never meet does not open."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from arena.errors import ConfigError, PromptRefused
from arena.lacks import lack_in_files
from arena.running import open_store, put_together, running
from arena.settings import ArenaSettings, PoolSettings, Settings, load_settings
from arena.shipped import shipped
from serving.estimate import estimate
from serving.spec import ModelSpec

MIB = 2**20


def settings(folder: Path, memory_mib: float) -> Settings:
    models = tuple(
        ModelSpec(
            name=name,
            checkpoint=str(shipped(f"models/{name}")),
            context_tokens=512,
            output_tokens=48,
        )
        for name in ("pebble-1m", "willow-1m")
    )
    return Settings(
        arena=ArenaSettings(db=folder / "arena.db"),
        pool=PoolSettings(memory_gib=memory_mib / 1024, processes="none"),
        models=models,
    )


async def test_models_that_can_never_meet_are_told_before_the_first_battle(tmp_path: Path) -> None:
    chosen = settings(tmp_path, memory_mib=40)  # each alone, not both
    arena = put_together(chosen, *open_store(chosen))
    with pytest.raises(ConfigError, match=r"pebble-1m and willow-1m need .* together") as refusal:
        async with running(arena):
            pass
    assert "Give [pool] more memory" in str(refusal.value)


async def test_a_model_that_is_left_out_is_told_with_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lab.toml"
    scripted = '[[models]]\nname = "{}"\nkind = "scripted"\n'
    elm = f"""[[models]]
name = "elm"
checkpoint = "{shipped("models/pebble-1m")}"
output_tokens = 48
device = "cuda:99"
"""
    path.write_text(scripted.format("oak") + scripted.format("pine") + elm, encoding="utf-8")
    chosen = load_settings(path)
    at_home = chosen.arena.model_copy(update={"db": tmp_path / "arena.db"})
    chosen = chosen.model_copy(update={"arena": at_home})
    async with running(put_together(chosen, *open_store(chosen))):
        pass
    assert f"{path}, line 11, models[2].device: elm: device cuda:99 is not there" in caplog.text


def roster_of(folder: Path, elm: str) -> Settings:
    """Return a roster of two scripted models and one of files."""
    path = folder / "lab.toml"
    scripted = '[[models]]\nname = "{}"\nkind = "scripted"\n'
    text = f'{scripted.format("oak")}{scripted.format("pine")}\n[[models]]\nname = "elm"\n{elm}\n'
    path.write_text(text, encoding="utf-8")
    chosen = load_settings(path)
    at_home = chosen.arena.model_copy(update={"db": folder / "arena.db"})
    return chosen.model_copy(update={"arena": at_home})


LONG = "Why? " * 200
PEBBLE = f'checkpoint = "{shipped("models/pebble-1m")}"\n'
NO_TEMPLATE = 'chat_template = "{{ a[0 }}"\n'


async def test_an_arena_in_which_no_prompt_can_be_sent_does_not_open(tmp_path: Path) -> None:
    chosen = roster_of(tmp_path, f"{PEBBLE}output_tokens = 512")
    with pytest.raises(ConfigError) as refusal:
        async with running(put_together(chosen, *open_store(chosen))):
            pass
    assert str(refusal.value) == (
        f"{tmp_path / 'lab.toml'}, line 11, models[2].output_tokens: no prompt can be sent to any "
        "model: elm takes 512 tokens, and 512 of them are kept for a response: room for 0 bytes of "
        "conversation, and a prompt takes at least 52. "
        "To open the arena, lower output_tokens, raise context_tokens, or leave the model out."
    )


async def test_nor_with_a_model_that_serves_whatever_the_doctor_says_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "elm"
    shutil.copytree(shipped("models/pebble-1m"), folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "modeling.Elm"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    chosen = roster_of(tmp_path, 'checkpoint = "elm"\noutput_tokens = 512')
    assert lack_in_files(
        chosen.models[2]
    )  # it brings code of its own, and the library has that code too
    with pytest.raises(ConfigError, match="no prompt can be sent to any model: elm takes 512"):
        async with running(put_together(chosen, *open_store(chosen))):
            pass


@pytest.mark.parametrize("output_tokens", [512, 448])
async def test_a_model_with_broken_files_bounds_nothing_and_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, output_tokens: int
) -> None:
    chosen = roster_of(tmp_path, f"{PEBBLE}{NO_TEMPLATE}output_tokens = {output_tokens}")
    arena = put_together(chosen, *open_store(chosen))
    async with running(arena):
        arena.pool.standing.forgive("elm")  # as after its rest
        assert "elm" in arena.responders.available()
        for rater in range(6):
            await arena.battles.open(str(rater), LONG)
    assert "The arena opens without it, until it is started again." in caplog.text
    query = "SELECT DISTINCT name FROM item JOIN model ON model.id IN (model_x, model_y) ORDER BY 1"
    with closing(sqlite3.connect(tmp_path / "arena.db")) as connection:
        assert connection.execute(query).fetchall() == [("oak",), ("pine",)]


async def test_a_model_that_may_come_back_bounds_what_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = roster_of(tmp_path, f'{PEBBLE}output_tokens = 448\ndevice = "cuda:99"')
    arena = put_together(chosen, *open_store(chosen))
    async with running(arena):
        with pytest.raises(PromptRefused):
            await arena.battles.open("ada", LONG)
        await arena.battles.open("ada", "Why?")
    assert "The arena opens without it, and tries again." in caplog.text


async def test_broken_files_are_seen_without_a_load_where_memory_has_no_room_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "elm"
    shutil.copytree(shipped("models/pebble-1m"), folder)
    (folder / "tokenizer.json").unlink()
    two = sum(estimate(model).total for model in settings(tmp_path, 0.1).models)
    chosen = settings(tmp_path, memory_mib=1.2 * two / MIB)
    elm = chosen.models[0].model_copy(update={"name": "elm", "checkpoint": str(folder)})
    chosen = chosen.model_copy(update={"models": (*chosen.models, elm)})
    arena = put_together(chosen, *open_store(chosen))
    async with running(arena):
        assert "elm" not in arena.pool.standing.unavailable()  # nobody has tried it
        for rater in range(8):
            await arena.battles.open(str(rater), "Why?")
    assert (
        "models[2].checkpoint: elm: the checkpoint has no tokenizer.json; save its tokenizer with "
        "transformers. The arena opens without it, until it is started again." in caplog.text
    )
    query = "SELECT DISTINCT name FROM item JOIN model ON model.id IN (model_x, model_y) ORDER BY 1"
    with closing(sqlite3.connect(tmp_path / "arena.db")) as connection:
        assert connection.execute(query).fetchall() == [("pebble-1m",), ("willow-1m",)]


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        pytest.param(
            "model.safetensors",
            "version https://git-lfs.github.com/spec/v1\nsize 99\n",
            "model.safetensors is a git-lfs pointer, not the file; run `git lfs pull` in its",
            id="pointer",
        ),
        pytest.param(
            "config.json", "[]", "config.json holds [], and no object; copy it", id="list"
        ),
    ],
)
async def test_a_file_that_is_not_what_it_should_be_stops_only_its_own_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str, content: str, told: str
) -> None:
    folder = tmp_path / "elm"
    shutil.copytree(shipped("models/pebble-1m"), folder)
    (folder / file).write_text(content)
    scripted = [ModelSpec(name=name, kind="scripted") for name in ("oak", "pine")]
    elm = ModelSpec(name="elm", checkpoint=str(folder), output_tokens=48)
    chosen = settings(tmp_path, memory_mib=40).model_copy(update={"models": (*scripted, elm)})
    arena = put_together(chosen, *open_store(chosen))
    async with running(arena):
        await arena.battles.open("ada", "Why?")
    assert told in caplog.text
