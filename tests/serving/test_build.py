"""Engines are built by kind, and nothing heavy is imported before."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from serving.build import Apart, Builder, apart_of
from serving.remote import RemoteEngine
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec

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
    remote = build(ModelSpec(name="m", url="http://127.0.0.1:9/v1", remote_name="x"))
    assert isinstance(remote, RemoteEngine)
    await remote.close()


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
    remote = build(ModelSpec(name="m", url="http://127.0.0.1:9/v1", remote_name="x"))
    assert isinstance(remote, RemoteEngine)
    await remote.close()
    build.close()
