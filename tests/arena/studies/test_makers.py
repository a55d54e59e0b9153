"""Is it still the same model? Whatever shapes a response counts, and nothing else."""

from pathlib import Path

import pytest

from arena.record.ahead import Maker
from arena.studies.makers import changes
from serving.spec import ModelSpec


def maker(spec: ModelSpec, checkpoint: str = "c0ffee") -> Maker:
    return Maker(1, spec.name, spec.model_dump(mode="json"), checkpoint)


PINE = ModelSpec(name="pine", checkpoint="/models/pine", chat_template="/models/chat.jinja")


@pytest.mark.parametrize(
    "field",
    [
        pytest.param({"batch": 64}, id="a larger batch"),
        pytest.param({"device": "cuda:1"}, id="another device"),
        pytest.param({"cache": "/disk/kept"}, id="another cache"),
        pytest.param({"checkpoint": "/disk/pine"}, id="a folder that moved"),
        pytest.param({"chat_template": "/disk/chat.jinja"}, id="a template that moved"),
    ],
)
def test_what_shapes_no_response_is_no_change(field: dict[str, object]) -> None:
    assert changes(PINE.model_copy(update=field), "c0ffee", maker(PINE)) == []


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
    assert changes(now, "c0ffee", maker(PINE)) == [told]


def test_other_files_in_the_same_folder_are_a_change() -> None:
    assert changes(PINE, "decade", maker(PINE)) == ["the files of the checkpoint"]


def test_a_model_without_files_is_known_by_its_entry_alone(tmp_path: Path) -> None:
    far = ModelSpec(name="far", url="http://127.0.0.1:1/v1", remote_name="m")
    moved = far.model_copy(update={"url": f"http://{tmp_path.name}/v1"})
    assert changes(far, "", maker(far, "")) == []
    assert changes(moved, "", maker(far, "")) == ["url"]


def test_an_entry_from_before_a_field_was_known_says_its_default() -> None:
    old = {key: value for key, value in PINE.model_dump(mode="json").items() if key != "stop"}
    earlier = Maker(1, "pine", old, "c0ffee")
    assert changes(PINE, "c0ffee", earlier) == []
    assert changes(PINE.model_copy(update={"stop": ("\n",)}), "c0ffee", earlier) == ["stop"]
