"""Is it still the same model? Whatever shapes a response counts, wherever it lies."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from arena.identity import changes, checkpoint_hash, checkpoint_sample, entry_of
from serving.engine import EngineError
from serving.spec import ModelSpec
from tests.serving.hub import put

PINE = ModelSpec(name="pine", checkpoint="/models/pine", chat_template="/models/chat.jinja")


def said(spec: ModelSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


@pytest.fixture
def pine(tmp_path: Path) -> Path:
    folder = tmp_path / "pine"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    return folder


def hash_of(folder: Path, **fields: str) -> str:
    said = {"name": "pine", "checkpoint": str(folder), **fields}
    return checkpoint_hash(ModelSpec.model_validate(said))


def test_a_folder_that_moves_keeps_its_hash(pine: Path) -> None:
    before = hash_of(pine)
    moved = shutil.move(pine, pine.with_name("elsewhere"))
    assert hash_of(Path(moved)) == before


@pytest.mark.parametrize(
    "file", ["model.safetensors", "config.json", "tokenizer.json", "modeling_pine.py"]
)
def test_other_files_are_another_checkpoint(pine: Path, file: str) -> None:
    before = hash_of(pine)
    (pine / file).write_text("other")
    assert hash_of(pine) != before


def test_a_read_me_is_no_part_of_it(pine: Path) -> None:
    before = hash_of(pine)
    (pine / "README.md").write_text("About pines.")
    assert hash_of(pine) == before


def test_adapter_and_template_count(pine: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"low rank")
    template = tmp_path / "chat.jinja"
    template.write_text("{{ messages }}")
    hashes = {
        hash_of(pine),
        hash_of(pine, adapter=str(adapter)),
        hash_of(pine, chat_template=str(template)),
    }
    template.write_text("other")
    hashes.add(hash_of(pine, chat_template=str(template)))
    assert len(hashes) == 4


def test_names_on_the_hub_have_the_hash_of_their_files(
    pine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"low rank")
    put(tmp_path / "hub", "lab/pine", pine)
    put(tmp_path / "hub", "lab/tuned", adapter, "v2")
    named = {"checkpoint": "lab/pine", "adapter": "lab/tuned", "adapter_revision": "v2"}
    assert hash_of(pine, **named) == hash_of(pine, adapter=str(adapter))


def test_a_model_that_is_not_here_has_no_hash(tmp_path: Path) -> None:
    remote = ModelSpec(name="far", url="http://127.0.0.1:1/v1", remote_name="m")
    assert checkpoint_hash(remote) == ""
    with pytest.raises(EngineError, match="there is no checkpoint folder"):
        hash_of(tmp_path / "gone")


def write_weights(folder: Path, **trained: float) -> None:
    """Write a large tensor, a small and an empty one, in which all is 0 but what is said."""
    shapes = {"large": (512, 512), "small": (3,), "none": (0, 4)}
    tensors = {
        name: np.full(shape, trained.get(name, 0.0), np.float16) for name, shape in shapes.items()
    }
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("tensor", ["large", "small"])
def test_a_sample_tells_weights_that_were_trained_on(pine: Path, tensor: str) -> None:
    spec = ModelSpec(name="pine", checkpoint=str(pine))
    write_weights(pine)
    before = checkpoint_sample(spec)
    write_weights(pine)
    assert checkpoint_sample(spec) == before
    write_weights(pine, **{tensor: 1.0})
    assert checkpoint_sample(spec) != before


def test_a_sample_tells_another_tokenizer(pine: Path) -> None:
    spec = ModelSpec(name="pine", checkpoint=str(pine))
    write_weights(pine)
    before = checkpoint_sample(spec)
    (pine / "tokenizer.json").write_text("{}")
    assert checkpoint_sample(spec) != before


def test_a_sample_is_no_hash(pine: Path) -> None:
    """It reads the middle of each tensor: a server opens in seconds, not in minutes."""
    spec, file = ModelSpec(name="pine", checkpoint=str(pine)), pine / "model.safetensors"
    write_weights(pine)
    before = checkpoint_sample(spec), checkpoint_hash(spec)
    content = bytearray(file.read_bytes())
    content[-100] ^= 1  # in the last row of the large tensor
    file.write_bytes(content)
    sample, whole = checkpoint_sample(spec), checkpoint_hash(spec)
    assert (sample == before[0], whole == before[1]) == (True, False)


def test_the_record_keeps_models_of_other_files_apart(pine: Path) -> None:
    spec = ModelSpec(name="pine", checkpoint=str(pine))
    write_weights(pine)
    before = entry_of(spec)
    assert entry_of(spec) == before
    write_weights(pine, large=1.0)
    after = entry_of(spec)
    assert before["fingerprint"] != after["fingerprint"]
    now, then = after["spec"], before["spec"]
    assert changes(spec, now["files"], then, then["files"]) == ["the files of the checkpoint"]


def test_a_model_whose_files_are_broken_is_known_by_its_entry(pine: Path) -> None:
    spec = ModelSpec(name="pine", checkpoint=str(pine))  # its weights are no safetensors file
    assert entry_of(spec)["fingerprint"] == spec.fingerprint()


@pytest.mark.parametrize(
    "field",
    [
        pytest.param({"batch": 64}, id="a larger batch"),
        pytest.param({"device": "cuda:1"}, id="another device"),
        pytest.param({"cache": "/disk/kept"}, id="another cache"),
        pytest.param({"first_token_s": 600.0}, id="more patience with its server"),
        pytest.param({"checkpoint": "/disk/pine"}, id="a folder that moved"),
        pytest.param({"chat_template": "/disk/chat.jinja"}, id="a template that moved"),
    ],
)
def test_what_shapes_no_response_is_no_change(field: dict[str, object]) -> None:
    assert changes(PINE.model_copy(update=field), "c0ffee", said(PINE), "c0ffee") == []


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"quantization": "nf4"}, "quantization"),
        ({"sampling": {"temperature": 0.1}}, "sampling"),
        ({"output_tokens": 99}, "output_tokens"),
        ({"system_prompt": "Be brief."}, "system_prompt"),
        ({"chat_template": "{{ messages }}"}, "chat_template"),
        ({"adapter": "/models/adapter"}, "adapter"),
    ],
)
def test_what_shapes_a_response_is_a_change(field: dict[str, object], told: str) -> None:
    now = ModelSpec.model_validate({**PINE.model_dump(), **field})
    assert changes(now, "c0ffee", said(PINE), "c0ffee") == [told]


def test_other_files_in_the_same_folder_are_a_change() -> None:
    assert changes(PINE, "decade", said(PINE), "c0ffee") == ["the files of the checkpoint"]


def test_a_model_without_files_is_known_by_its_entry_alone(tmp_path: Path) -> None:
    far = ModelSpec(name="far", url="http://127.0.0.1:1/v1", remote_name="m")
    moved = far.model_copy(update={"url": f"http://{tmp_path.name}/v1"})
    assert changes(far, "", said(far), "") == []
    assert changes(moved, "", said(far), "") == ["url"]


def test_an_entry_from_before_a_field_was_known_says_its_default() -> None:
    old = {key: value for key, value in said(PINE).items() if key != "stop"}
    assert changes(PINE, "c0ffee", old, "c0ffee") == []
    assert changes(PINE.model_copy(update={"stop": ("\n",)}), "c0ffee", old, "c0ffee") == ["stop"]
