"""What a model lacks, in sentences: from its table, its checkpoint, its adapter, its template."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from arena.lacks import Lack, lack_in_files, lacks_of
from arena.shipped import shipped
from serving.adapters import adapter_config
from serving.engine import EngineError
from serving.spec import ModelSpec

POINTER = "version https://git-lfs.github.com/spec/v1\nsize 99\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a whole checkpoint that a test may damage."""
    found = next(path for path in shipped("models").iterdir() if (path / "config.json").exists())
    return Path(shutil.copytree(found, tmp_path / "checkpoint"))


def spec(folder: Path, **fields: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": "elm", "checkpoint": str(folder), **fields})


def lack(spec: ModelSpec) -> Lack:
    """Return what a model lacks."""
    found = lack_in_files(spec)
    assert found is not None
    return found


def test_a_whole_model_lacks_nothing(folder: Path) -> None:
    assert lack_in_files(spec(folder)) is None


@pytest.mark.parametrize(
    "said",
    [{"init_lora_weights": "pissa"}, {"alora_invocation_tokens": [9]}, {"peft_type": "IA3"}],
    ids=["another base", "not all tokens", "another method"],
)
def test_an_adapter_that_would_be_refused_is_told(folder: Path, said: dict[str, object]) -> None:
    place = folder.parent / "adapter"
    place.mkdir()
    (place / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **said}))
    (found,) = lacks_of(spec(folder, adapter=str(place)))
    with pytest.raises(EngineError) as refused:
        adapter_config(place)
    assert refused.value.cause == f"{found.what}; {found.way_out}"
    assert found.field == "adapter"


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        pytest.param("tokenizer.json", None, "no tokenizer.json", id="tokenizer"),
        pytest.param("chat_template.jinja", None, "no chat template", id="template"),
        pytest.param("config.json", None, "no config.json", id="configuration"),
        pytest.param("model.safetensors", None, "holds neither", id="weights"),
        pytest.param("config.json", {"auto_map": {}}, "code of its own", id="code"),
        pytest.param(
            "config.json",
            {"quantization_config": {"quant_method": "gptq"}},
            "quantized already (gptq)",
            id="quantized already",
        ),
        pytest.param(
            "config.json", {"quantization_config": "awq"}, "already (awq)", id="by one word"
        ),
        pytest.param(
            "config.json",
            {"max_position_embeddings": "4096"},
            'says max_position_embeddings = "4096", which is no whole number',
            id="text for a number",
        ),
    ],
)
def test_what_a_checkpoint_lacks_is_told(
    folder: Path, file: str, changes: dict[str, object] | None, told: str
) -> None:
    if changes is None:
        (folder / file).unlink()
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
        tokenizer.pop("chat_template", None)
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    else:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | changes))
    assert told in lack(spec(folder)).what


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        pytest.param({}, "checkpoint", "takes code of another repository (lab/x--y.Z)", id="map"),
        pytest.param({"revision": "0f" * 20}, "revision", "pins a name on the hub", id="pin"),
        pytest.param({"checkpoint": "lab/oak"}, "checkpoint", "which is no folder", id="no pin"),
    ],
)
def test_code_that_nothing_pins_is_told(
    folder: Path, fields: dict[str, Any], field: str, told: str
) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "lab/x--y.Z"}
    (folder / "config.json").write_text(json.dumps(config))
    found = lack(spec(folder, trust_remote_code=True, **fields))
    assert told in found.what
    assert found.field == field


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        pytest.param("tokenizer.json", "{", "tokenizer.json is no JSON", id="tokenizer"),
        pytest.param("tokenizer.json", '{"a": 1}', "describes no tokenizer", id="no model"),
        pytest.param("chat_template.jinja", "{{ a[0 }}", "template cannot be read (line 1", id="t"),
        pytest.param("chat_template.jinja", "\udcff", "byte 1 is not UTF-8", id="bytes"),
        pytest.param("config.json", "[]", "config.json holds [], and no object", id="list"),
        pytest.param("model.safetensors", POINTER, "is a git-lfs pointer, not the file", id="lfs"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    folder: Path, file: str, content: str, told: str
) -> None:
    (folder / file).write_text(content, errors="surrogateescape")
    assert told in lack(spec(folder)).what


def test_weights_that_are_cut_short_are_told(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.truncate(100_000)
    assert "model.safetensors is cut short: 100,000 of " in lack(spec(folder)).what


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"chat_template": "{{ messages[0 }}"}, "(line 1: ", id="broken template"),
        pytest.param({"chat_template": "gone.jinja"}, "cannot read chat_template", id="template"),
        pytest.param({"adapter": "gone"}, "adapter gone is neither a folder", id="adapter"),
        pytest.param({"context_tokens": 10**6}, "is more than the", id="context"),
    ],
)
def test_what_a_roster_asks_for_in_vain_is_told(
    folder: Path, fields: dict[str, object], told: str
) -> None:
    assert told in lack(spec(folder, **fields)).what


def test_an_adapter_folder_that_is_not_there_is_told_at_its_own_field(folder: Path) -> None:
    found = lack(spec(folder, adapter=f"{folder}-of-adapters"))
    assert (found.field, found.way_out) == ("adapter", "correct the path")


def test_a_key_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUR_KEY", raising=False)
    remote = ModelSpec(name="r", url="http://h/v1", remote_name="x", api_key_env="OUR_KEY")
    (found,) = lacks_of(remote)
    assert (found.field, found.what) == (
        "api_key_env",
        "the environment variable OUR_KEY is not set",
    )
    monkeypatch.setenv("OUR_KEY", "x")
    assert list(lacks_of(remote)) == []


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        pytest.param("model.layers.0.self_attn.q_proj", None, id="fits"),
        pytest.param("model.layers.99.self_attn.q_proj", "which the checkpoint has not", id="deep"),
        pytest.param("model.layers.0.mlp.up_proj", "as 128 x 128, and the checkpoint", id="wide"),
    ],
)
def test_an_adapter_of_another_base_is_told(folder: Path, layer: str, told: str | None) -> None:
    place = folder.parent / "adapter"
    place.mkdir()
    (place / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 8}))
    ends = {"lora_A": torch.zeros(8, 128), "lora_B": torch.zeros(128, 8)}
    tensors = {f"base_model.model.{layer}.{end}.weight": one for end, one in ends.items()}
    save_file(tensors, place / "adapter_model.safetensors")
    found = lack_in_files(spec(folder, adapter=str(place)))
    if told is None:
        assert found is None
    else:
        assert (found and found.field) == "adapter"
        assert told in str(found)


def test_a_broken_file_is_told_once_whoever_finds_it(folder: Path) -> None:
    (place := folder.parent / "adapter").mkdir()
    (place / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (place / "adapter_model.safetensors").write_text(POINTER)
    assert list(lacks_of(spec(folder, adapter=str(place)))) == []
    found = lack(spec(folder, adapter=str(place)))
    assert found.field == "adapter"
    assert found.way_out == "run `git lfs pull` in its folder"
