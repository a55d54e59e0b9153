"""A server put together: an arena in which two models can never meet does not open."""

from pathlib import Path

import pytest

from arena.errors import ConfigError
from arena.running import open_store, put_together, running
from arena.settings import ArenaSettings, PoolSettings, Settings, load_settings
from arena.shipped import shipped
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


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("", id="a model that serves"),
        pytest.param('chat_template = "{{ a[0 }}"', id="a model that cannot be loaded"),
    ],
)
async def test_an_arena_in_which_no_prompt_can_be_sent_does_not_open(
    tmp_path: Path, broken: str
) -> None:
    path = tmp_path / "lab.toml"
    scripted = '[[models]]\nname = "{}"\nkind = "scripted"\n'
    path.write_text(
        f"""{scripted.format("oak")}{scripted.format("pine")}
[[models]]
name = "elm"
checkpoint = "{shipped("models/pebble-1m")}"
output_tokens = 512
{broken}
""",
        encoding="utf-8",
    )
    chosen = load_settings(path)
    at_home = chosen.arena.model_copy(update={"db": tmp_path / "arena.db"})
    chosen = chosen.model_copy(update={"arena": at_home})
    arena = put_together(chosen, *open_store(chosen))
    with pytest.raises(ConfigError) as refusal:
        async with running(arena):
            pass
    assert str(refusal.value) == (
        f"{path}, line 11, models[2].output_tokens: no prompt can be sent to any model: "
        "elm takes 512 tokens, and 512 of them are kept for a response: room for 0 bytes of "
        "conversation, and a prompt takes at least 52. "
        "To open the arena, lower output_tokens, raise context_tokens, or leave the model out."
    )
