"""Engines are built by kind, and nothing heavy is imported before."""

import subprocess
import sys

from serving.build import Builder
from serving.remote import RemoteEngine
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec

LIGHT = """
import sys
import serving.pool, serving.duet, serving.spec, serving.scripted, serving.prompt, serving.text
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
