"""A roster before it is served: what it needs, where it fits, what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from arena.roster import Need, look_at
from arena.shipped import shipped
from serving.adapters import adapter_config
from serving.engine import EngineError
from serving.shelf import Shelf
from serving.spec import ModelSpec

ROOMS = {"cpu": 2**30}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a whole checkpoint that a test may damage."""
    found = next(path for path in shipped("models").iterdir() if (path / "config.json").exists())
    return Path(shutil.copytree(found, tmp_path / "checkpoint"))


def spec(folder: Path, name: str = "elm", **fields: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": name, "checkpoint": str(folder), **fields})


def need(*specs: ModelSpec) -> Need:
    """Return what the last of some models needs."""
    return look_at(specs, ROOMS).needs[-1]


def test_a_whole_model_lacks_nothing_and_has_a_place(folder: Path) -> None:
    found = need(spec(folder))
    assert (found.missing, found.place, found.beside, found.kept) == ((), "cpu", None, "-")
    assert found.estimate.weights > 3e6


def _adapter(folder: Path, **config: object) -> Path:
    import torch  # noqa: PLC0415 -- heavy
    from safetensors.torch import save_file  # noqa: PLC0415 -- heavy

    place = folder.parent / "adapter"
    place.mkdir()
    (place / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
    save_file({"a": torch.zeros(8, 64)}, place / "adapter_model.safetensors")
    return place


def test_adapters_on_one_base_count_its_weights_once(folder: Path) -> None:
    adapter = str(_adapter(folder))
    roster = look_at([spec(folder, "base"), spec(folder, "law", adapter=adapter)], ROOMS)
    base, law = roster.needs
    assert law.beside == "base"
    assert law.estimate.adapter == 8 * 64 * 4
    assert roster.used["cpu"] == base.estimate.total + law.estimate.adapter


@pytest.mark.parametrize(
    "said",
    [{"init_lora_weights": "pissa"}, {"alora_invocation_tokens": [9]}, {"peft_type": "IA3"}],
    ids=["another base", "not all tokens", "another method"],
)
def test_an_adapter_that_would_be_refused_is_told(folder: Path, said: dict[str, object]) -> None:
    place = _adapter(folder, **said)
    (lack,) = need(spec(folder, adapter=str(place))).missing
    with pytest.raises(EngineError) as refused:
        adapter_config(place)
    assert refused.value.cause == f"{lack.what}; {lack.way_out}"
    assert lack.field == "adapter"


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        pytest.param("tokenizer.json", None, "no tokenizer.json", id="tokenizer"),
        pytest.param("chat_template.jinja", None, "no chat template", id="template"),
        pytest.param("config.json", None, "no config.json", id="configuration"),
        pytest.param("model.safetensors", None, "holds no", id="weights"),
        pytest.param("config.json", {"auto_map": {}}, "code of its own", id="code"),
        pytest.param(
            "config.json",
            {"quantization_config": {"quant_method": "gptq"}},
            "quantized already (gptq)",
            id="quantized already",
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
    (lack,) = need(spec(folder)).missing
    assert told in lack.what


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
    (lack,) = need(spec(folder, trust_remote_code=True, **fields)).missing
    assert told in lack.what
    assert lack.field == field


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        pytest.param("tokenizer.json", "{", "tokenizer.json is no JSON", id="tokenizer"),
        pytest.param("chat_template.jinja", "{{ a[0 }}", "template cannot be read (line 1", id="t"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    folder: Path, file: str, content: str, told: str
) -> None:
    (folder / file).write_text(content)
    (lack,) = need(spec(folder)).missing
    assert told in lack.what


def test_weights_that_are_cut_short_are_told(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.truncate(100_000)
    (lack,) = need(spec(folder)).missing
    assert "model.safetensors is cut short: 100,000 of " in lack.what


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"chat_template": "{{ messages[0 }}"}, "(line 1: ", id="broken template"),
        pytest.param({"chat_template": "gone.jinja"}, "cannot read chat_template", id="template"),
        pytest.param({"adapter": "gone"}, "adapter gone is neither a folder", id="adapter"),
        pytest.param({"context_tokens": 10**6}, "is more than the", id="context"),
        pytest.param({"device": "cuda:9"}, "device cuda:9 is not there", id="device"),
    ],
)
def test_what_a_roster_asks_for_in_vain_is_told(
    folder: Path, fields: dict[str, object], told: str
) -> None:
    assert any(told in lack.what for lack in need(spec(folder, "elm", **fields)).missing)


def test_a_key_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUR_KEY", raising=False)
    remote = ModelSpec(name="r", url="http://h/v1", remote_name="x", api_key_env="OUR_KEY")
    (lack,) = need(remote).missing
    assert (lack.field, lack.what) == (
        "api_key_env",
        "the environment variable OUR_KEY is not set",
    )
    monkeypatch.setenv("OUR_KEY", "x")
    assert need(remote).missing == ()


def test_it_says_whether_quantized_weights_are_kept_already(folder: Path, tmp_path: Path) -> None:
    kept = spec(folder, quantization="nf4", cache=str(tmp_path / "kept"))
    assert need(kept).kept == "not yet"
    shelf = Shelf.of(kept, folder, cuda=False)
    shelf.put(lambda place: (place / "model.safetensors").write_bytes(b"weights"))
    assert need(kept).kept == "yes"
    (shelf.entry / "model.safetensors").write_bytes(b"w")
    assert need(kept).kept == "broken, made again"
    assert shelf.entry.exists()  # who looks changes nothing


def test_each_card_takes_its_part_and_the_rest_takes_turns(folder: Path) -> None:
    models = [spec(folder, name, batch=number) for number, name in enumerate("abc", start=1)]
    one = look_at([models[0]], {"cuda:0": 2**30, "cpu": 1}).used["cuda:0"]
    rooms = {"cuda:0": one * 2, "cuda:1": one * 2, "cpu": 1}
    places = [found.place for found in look_at(models, rooms).needs]
    assert set(places[:2]) == {"cuda:0", "cuda:1"}
    assert places[2] is None
