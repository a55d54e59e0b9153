"""The hash of a checkpoint: what is read counts, where it lies does not."""

import shutil
from pathlib import Path

import pytest

from arena.studies.checkpoints import checkpoint_hash
from serving.engine import EngineError
from serving.spec import ModelSpec
from tests.serving.hub import put


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


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
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
