"""A roster before it is served: what it needs, where it fits, what is missing."""

import json
import shutil
from pathlib import Path

import pytest

from arena.roster import Need, look_at
from arena.shipped import shipped
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


def test_a_device_that_is_not_there_is_told(folder: Path) -> None:
    (lack,) = need(spec(folder, device="cuda:9")).missing
    assert (lack.field, lack.what) == ("device", "device cuda:9 is not there")


def test_it_says_whether_quantized_weights_are_kept_already(folder: Path, tmp_path: Path) -> None:
    kept = spec(folder, quantization="nf4", cache=str(tmp_path / "kept"))
    assert need(kept).kept == "not yet"
    shelf = Shelf.of(kept, folder, cuda=False)
    shelf.put(lambda place: (place / "model.safetensors").write_bytes(b"weights"))
    assert need(kept).kept == "yes"
    (shelf.entry / "model.safetensors").write_bytes(b"w")
    assert need(kept).kept == "broken, made again"
    assert shelf.entry.exists()  # who looks changes nothing
    nowhere = spec(folder, quantization="nf4", cache=str(tmp_path / ("kept" * 99)))
    assert need(nowhere).kept == "not yet"  # nor fails where no folder can be looked at


def test_each_card_takes_its_part_and_the_rest_takes_turns(folder: Path) -> None:
    models = [spec(folder, name, batch=number) for number, name in enumerate("abc", start=1)]
    one = look_at([models[0]], {"cuda:0": 2**30, "cpu": 1}).used["cuda:0"]
    rooms = {"cuda:0": one * 2, "cuda:1": one * 2, "cpu": 1}
    places = [found.place for found in look_at(models, rooms).needs]
    assert set(places[:2]) == {"cuda:0", "cuda:1"}
    assert places[2] is None
