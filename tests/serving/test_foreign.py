"""Code of another repository: refused wherever a checkpoint names it, and before anything runs."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from serving.engine import EngineError
from serving.foreign import check_code
from serving.loading import load
from serving.spec import ModelSpec

FOREIGN = "lab/code--modeling.Oak"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param("config.json", {"auto_map": {"AutoModelForCausalLM": FOREIGN}}, id="model"),
        pytest.param("config.json", {"text_config": {"auto_map": {"A": FOREIGN}}}, id="inside"),
        pytest.param(
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": [None, FOREIGN]}},
            id="tokenizer",
        ),
        pytest.param("preprocessor_config.json", {"auto_map": FOREIGN}, id="images"),
    ],
)
def test_a_reference_to_another_repository_is_refused(
    tmp_path: Path, file: str, content: dict[str, object]
) -> None:
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(EngineError) as refused:
        check_code("oak", tmp_path)
    assert refused.value.cause.startswith(
        f"oak: {tmp_path / file} takes code of another repository ({FOREIGN}), which nothing pins; "
        "put that code beside the weights"
    )


def test_code_beside_the_weights_is_no_foreign_code(tmp_path: Path) -> None:
    mapped = {"auto_map": {"AutoConfig": "oak.Config", "AutoTokenizer": ["oak.Slow", None]}}
    (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": "lab/o--ak", **mapped}))
    (tmp_path / "vocab.json").write_text('["--", {"a--b": 1}]')
    (tmp_path / "broken.json").write_text("{")
    check_code("oak", tmp_path)


def test_loading_refuses_it_before_anything_runs(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(copytree(checkpoint, tmp_path / "oak"))
    said = json.loads((folder / "config.json").read_text())
    local = {"AutoConfig": "loud.Config", "AutoModelForCausalLM": FOREIGN}
    (folder / "config.json").write_text(json.dumps({**said, "auto_map": local}))
    (folder / "loud.py").write_text(
        "from pathlib import Path\n"
        "from transformers import LlamaConfig as Config\n"
        f"Path({str(tmp_path / 'ran')!r}).touch()\n"
    )
    spec = ModelSpec(name="oak", checkpoint=str(folder), trust_remote_code=True, device="cpu")
    with pytest.raises(EngineError, match="takes code of another repository"):
        load(spec)
    assert not (tmp_path / "ran").exists()


def test_code_beside_the_weights_is_run_where_it_is_trusted(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = Path(copytree(checkpoint, tmp_path / "oak"))
    said = json.loads((folder / "config.json").read_text())
    mapped = {"AutoModelForCausalLM": "loud.Oak"}
    (folder / "config.json").write_text(json.dumps({**said, "auto_map": mapped}))
    (folder / "loud.py").write_text(
        "from transformers import LlamaForCausalLM\n\n\nclass Oak(LlamaForCausalLM):\n    pass\n"
    )
    spec = ModelSpec(name="oak", checkpoint=str(folder), trust_remote_code=True, device="cpu")
    assert type(load(spec).model).__name__ == "Oak"
