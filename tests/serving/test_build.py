"""Engines are built by kind, and nothing heavy is imported before."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from safetensors.torch import load_file, save_file

from serving.build import Apart, Builder, apart_of
from serving.engine import EngineError, FailureKind
from serving.remote import RemoteEngine
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.serving.bad_server import serving
from tests.serving.far import GOOD

LIGHT = """
import sys
import serving.pool, serving.duet, serving.spec, serving.scripted, serving.prompt, serving.text
import serving.child, serving.process
heavy = {"torch", "transformers", "tokenizers", "bitsandbytes", "openai", "numpy", "gradio"}
print(sorted(heavy & set(sys.modules)))
"""


def test_nothing_heavy_is_imported_before_an_engine_is_built() -> None:
    done = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


async def test_each_kind_gets_its_engine() -> None:
    build = Builder()
    assert isinstance(build(ModelSpec(name="m", kind="scripted")), ScriptedEngine)
    async with serving(GOOD) as server:
        spec = ModelSpec(name="m", url=server.url, remote_name="x")
        remote = await asyncio.to_thread(build, spec)
    assert isinstance(remote, RemoteEngine)
    await remote.close()


def test_a_server_that_nobody_reaches_is_told_when_its_model_loads() -> None:
    spec = ModelSpec(name="m", url="http://127.0.0.1:9/v1", remote_name="x")
    with pytest.raises(
        EngineError, match=r"127\.0\.0\.1:9/v1 does not serve us: .*refused"
    ) as refused:
        Builder()(spec)
    assert refused.value.kind is FailureKind.BACKEND  # so it rests for 15 s, then twice as long


def test_a_model_that_is_refused_once_it_is_loaded_does_not_stay_in_memory(
    make_checkpoint: Callable[..., Path],
) -> None:
    """Whoever lets it rest keeps the error, for as long as it rests."""
    folder = make_checkpoint(family="Phi")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.final_layernorm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError, match=r"no model\.final_layernorm") as refused:
        Builder()(ModelSpec(name="m", checkpoint=str(folder)))
    assert not any(type(one).__name__ == "PhiForCausalLM" for one in gc.get_objects()), refused


@pytest.mark.parametrize(
    ("asked", "device", "card", "apart"),
    [
        pytest.param("auto", "auto", True, "device", id="it may land on a card"),
        pytest.param("auto", "auto", False, "none", id="there is no card"),
        pytest.param("auto", "cpu", True, "none", id="it stays off the card"),
        pytest.param("none", "auto", True, "none", id="asked for none"),
        pytest.param("model", "cpu", False, "model", id="asked for a process for each"),
    ],
)
def test_engines_are_kept_apart_where_there_is_a_card(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    asked: Literal["auto", "none", "model"],
    device: str,
    apart: Apart,
    *,
    card: bool,
) -> None:
    monkeypatch.setattr("serving.build.DRIVERS", (tmp_path / ("." if card else "none"),))
    specs = [
        ModelSpec(name="far", url="http://127.0.0.1:9/v1", remote_name="x"),
        ModelSpec(name="near", checkpoint="/m", device=device),
    ]
    assert apart_of(asked, specs) == apart


async def test_a_model_of_another_server_needs_no_process_of_ours() -> None:
    build = Builder("device")
    async with serving(GOOD) as server:
        spec = ModelSpec(name="m", url=server.url, remote_name="x")
        remote = await asyncio.to_thread(build, spec)
    assert isinstance(remote, RemoteEngine)
    await remote.close()
    build.close()
