"""A checkpoint as its files say: what the library reads, and what it cannot."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from arena.shipped import shipped
from serving.checkpoint import configuration, read_checkpoint, trained_tokens
from serving.engine import EngineError
from serving.loading import load
from serving.spec import ModelSpec

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a whole checkpoint that a test may damage."""
    found = next(path for path in shipped("models").iterdir() if (path / "config.json").exists())
    return Path(shutil.copytree(found, tmp_path / "checkpoint"))


def spec(folder: Path) -> ModelSpec:
    return ModelSpec(name="m", checkpoint=str(folder))


def refused(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        read_checkpoint(spec(folder))
    assert caught.value.cause.startswith("m: ")
    return caught.value.cause


def cut(folder: Path, **changes: object) -> None:
    """Cut the weights of a checkpoint in two, as large ones are."""
    whole = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(whole)
    files = {name: SHARDS[name > names[len(names) // 2]] for name in names}
    for shard in SHARDS:
        part = {name: whole[name] for name in names if files[name] == shard}
        save_file(part, folder / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": files, **changes}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def copied(folder: Path) -> None:
    """Put the same weights beside the shards, under the name that another program reads."""
    shutil.copy(folder / SHARDS[0], folder / "consolidated.safetensors")


def chosen(folder: Path) -> None:
    """Name the file of weights in the configuration."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "model.safetensors").rename(folder / "oak.safetensors")
    (folder / "model.safetensors").write_bytes(b"something else")
    config["transformers_weights"] = "oak.safetensors"
    (folder / "config.json").write_text(json.dumps(config))


def beside(folder: Path) -> None:
    """Put an index beside the single file that the library prefers."""
    (folder / "model.safetensors.index.json").write_text("{")
    save_file({"x": torch.zeros(9)}, folder / SHARDS[0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param([], id="one file"),
        pytest.param([cut], id="shards"),
        pytest.param([cut, copied], id="shards and a second set"),
        pytest.param([beside], id="one file and an index"),
        pytest.param([chosen], id="a name of its own"),
    ],
)
def test_the_tensors_are_those_that_the_library_reads(
    folder: Path, change: list[Callable[[Path], None]]
) -> None:
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in load_file(folder / "model.safetensors").items()
    }
    for one in change:
        one(folder)
    assert read_checkpoint(spec(folder)).shapes == expected
    loaded = load(spec(folder)).model.state_dict()
    assert {name: tuple(loaded[name].shape) for name in expected} == expected


def test_a_shard_that_is_not_there_is_told(folder: Path) -> None:
    cut(folder)
    (folder / SHARDS[1]).unlink()
    index = folder / "model.safetensors.index.json"
    told = f"m: {index} names {SHARDS[1]}, which is not there; copy or download the checkpoint"
    assert refused(folder).startswith(told)
    with pytest.raises(EngineError, match="which is not there; copy or download"):
        load(spec(folder))


def test_a_shard_that_is_cut_short_is_told(folder: Path) -> None:
    cut(folder)
    with (folder / SHARDS[1]).open("r+b") as stream:
        stream.truncate(100_000)
    assert f"{SHARDS[1]} is cut short: 100,000 of " in refused(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"weight_map": None}, "has no weight_map from tensors to files", id="no map"),
        pytest.param({"weight_map": {}}, "has no weight_map from tensors to files", id="empty"),
        pytest.param({"weight_map": {"a": 1}}, "has no weight_map from tensors", id="numbers"),
        pytest.param({"weight_map": {"a": "x" * 300}}, "(File name too long)", id="long name"),
        pytest.param({"metadata": None}, "has no metadata; copy it again, or add", id="no facts"),
    ],
)
def test_an_index_that_is_none_is_told(folder: Path, changes: dict[str, object], told: str) -> None:
    cut(folder, **changes)
    assert told in refused(folder)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param([], "has no config.json; copy it again, or correct the path", id="empty"),
        pytest.param(
            ["config.json"],
            "holds neither model.safetensors nor model.safetensors.index.json; "
            "copy it again, or correct the path",
            id="no weights",
        ),
        pytest.param(
            ["config.json", "pytorch_model.bin"],
            "holds pickled weights, which can run any code when read; convert them to safetensors",
            id="pickles",
        ),
        pytest.param(
            ["config.json", "consolidated.safetensors"],
            "and consolidated.safetensors alone is not read; take it as transformers saves it, ",
            id="another layout",
        ),
    ],
)
def test_a_folder_without_weights_is_told(tmp_path: Path, files: list[str], told: str) -> None:
    for file in files:
        (tmp_path / file).write_text("{}")
    assert told in refused(tmp_path)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param([], "holds [], and no object; copy it again", id="a list"),
        pytest.param(
            {"max_position_embeddings": "4096"},
            'says max_position_embeddings = "4096", which is no whole number from 0 on; copy',
            id="text for a number",
        ),
        pytest.param({"num_hidden_layers": -1}, "says num_hidden_layers = -1", id="below nothing"),
        pytest.param({"hidden_size": 2**99}, "says hidden_size = 63382530", id="beyond measure"),
        pytest.param({"n_layer": [4, "4"]}, 'says n_layer = [4, "4"]', id="text in a list"),
        pytest.param({"text_config": "x"}, 'says text_config = "x", which is no', id="inner"),
        pytest.param({"text_config": {"head_dim": 1.5}}, "says head_dim = 1.5", id="inner number"),
        pytest.param({"transformers_weights": 1}, "= 1, which is no name of a file", id="name"),
    ],
)
def test_a_configuration_that_cannot_be_is_told(tmp_path: Path, said: object, told: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(said))
    assert f"m: {tmp_path / 'config.json'} " in refused(tmp_path)
    assert told in refused(tmp_path)


def test_what_is_said_layer_by_layer_counts_with_its_largest(tmp_path: Path) -> None:
    said = {"max_position_embeddings": None, "n_positions": [512, 1024]}
    (tmp_path / "config.json").write_text(json.dumps(said))
    assert trained_tokens(configuration(tmp_path)) == 1024
    assert trained_tokens({"max_seq_len": 2048}) == 2048


@pytest.mark.parametrize("key", ["num_hidden_layers", "num_attention_heads"])
def test_a_configuration_that_leaves_out_what_its_tensors_have_is_told(
    folder: Path, key: str
) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in config.items() if name != key}))
    assert f"config.json has no {key}, and there is a tensor model.layers.0." in refused(folder)


@pytest.mark.parametrize(
    ("renamed", "more"),
    [
        pytest.param({"num_hidden_layers": "layers_block_type"}, {}, id="in other words"),
        pytest.param(
            {"num_hidden_layers": "depth"},
            {"trust_remote_code": True},
            id="in the words of its own code",
        ),
    ],
)
def test_a_configuration_may_say_it_in_other_words(
    folder: Path, renamed: dict[str, str], more: dict[str, Any]
) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({renamed.get(key, key): said for key, said in config.items()}))
    read_checkpoint(ModelSpec(name="m", checkpoint=str(folder), **more))


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param("</s>", '"</s>"', id="a token"),
        pytest.param([2, "</s>"], '[2, "</s>"]', id="one of two"),
        pytest.param(10**30, "1" + 30 * "0", id="beyond measure"),
    ],
)
def test_an_end_that_is_no_id_is_told(folder: Path, file: str, said: object, told: str) -> None:
    place = folder / file
    config = json.loads(place.read_text()) if place.exists() else {}
    place.write_text(json.dumps(config | {"eos_token_id": said}))
    assert f"{file} says eos_token_id = {told}, which is no id of a token; write" in refused(folder)
    for end in (2, [2, -1], None):
        place.write_text(json.dumps(config | {"eos_token_id": end}))
        read_checkpoint(spec(folder))


def layers_of(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["num_hidden_layers"])


def test_a_configuration_with_fewer_layers_than_the_files_is_told(folder: Path) -> None:
    """The library would leave the others out, without a word."""
    layers, file = layers_of(folder), folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_hidden_layers": layers - 1}))
    assert (
        f"config.json says num_hidden_layers = {layers - 1}, and there is a tensor "
        f"model.layers.{layers - 1}."
    ) in refused(folder)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("model.layers.{more}.eh_proj.weight", id="a layer that guesses ahead"),
        pytest.param("mtp.layers.0.mlp.down_proj.weight", id="one under a name of its own"),
        pytest.param("visual.blocks.99.mlp.down_proj.weight", id="another tower"),
    ],
)
def test_what_is_no_layer_of_the_text_is_not_missed(folder: Path, name: str) -> None:
    layers = layers_of(folder)
    tensors = load_file(folder / "model.safetensors")
    last = f"model.layers.{layers - 1}."
    ahead = {
        key.replace(last, f"model.layers.{layers}."): tensor.clone()
        for key, tensor in tensors.items()
        if "{more}" in name and key.startswith(last)
    }
    tensors |= {**ahead, name.format(more=layers): torch.zeros(1)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    read_checkpoint(spec(folder))
