"""Quantized weights on disk: the same model, found again, and never half of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from serving.engine import EngineError, FailureKind
from serving.shelf import FORSAKEN_S, MAKING, WHOLE, Shelf, default_folder, keeps, size_of
from serving.spec import ModelSpec
from tests.serving.faults import lost_device, out_of_memory

MAKER = """
import os, sys
from pathlib import Path
from serving.shelf import Shelf

def write(folder):
    (folder / "model.safetensors").write_bytes(b"half")
    os._exit(9)

Shelf(Path(sys.argv[1])).put(write)
"""


def spec(folder: Path, cache: Path | None, quantization: str = "nf4", **more: object) -> ModelSpec:
    fields = {"quantization": quantization, "cache": str(cache) if cache else None, **more}
    return ModelSpec.model_validate({"name": "m", "checkpoint": str(folder), **fields})


def shelf_of(folder: Path, cache: Path, *, cuda: bool = False, **more: object) -> Shelf:
    return Shelf.of(spec(folder, cache, **more), folder, cuda=cuda)  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def write(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"quantized")


def test_what_was_put_is_found(files: Path, tmp_path: Path) -> None:
    shelf = shelf_of(files, tmp_path / "kept")
    assert shelf.find() is None
    shelf.put(write)
    found = shelf.find()
    assert found is not None
    assert (found / "model.safetensors").read_bytes() == b"quantized"
    assert size_of(tmp_path / "kept")[0] == 1


def test_other_weights_have_another_place(files: Path, tmp_path: Path) -> None:
    places = {shelf_of(files, tmp_path).entry}
    places.add(shelf_of(files, tmp_path, quantization="int8").entry)
    places.add(shelf_of(files, tmp_path, cuda=True).entry)
    os.utime(files / "model.safetensors", (1, 1))
    places.add(shelf_of(files, tmp_path).entry)
    (files / "config.json").write_text('{"changed": 1}')
    places.add(shelf_of(files, tmp_path).entry)
    assert len(places) == 5


def test_the_same_weights_under_another_name_share_their_place(files: Path, tmp_path: Path) -> None:
    other = spec(files, tmp_path).model_copy(update={"name": "n", "context_tokens": 99})
    assert Shelf.of(other, files, cuda=False) == shelf_of(files, tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"quantization": "none"}, id="not quantized"),
        pytest.param({"cache": None}, id="no folder"),
        pytest.param({"trust_remote_code": True, "revision": "ab" * 20}, id="code of its own"),
    ],
)
def test_some_weights_are_not_kept(files: Path, tmp_path: Path, more: dict[str, object]) -> None:
    assert keeps(spec(files, tmp_path))
    made = {**spec(files, tmp_path).model_dump(), **more}
    assert not keeps(ModelSpec.model_validate(made))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda at: (at / "model.safetensors").write_bytes(b"quant"), id="cut"),
        pytest.param(lambda at: (at / "model.safetensors").unlink(), id="gone"),
        pytest.param(lambda at: (at / WHOLE).unlink(), id="without its list"),
        pytest.param(lambda at: (at / WHOLE).write_text("[1"), id="a list that is none"),
    ],
)
def test_what_is_not_whole_is_removed(
    files: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    shelf = shelf_of(files, tmp_path / "kept")
    shelf.put(write)
    damage(shelf.entry)
    assert shelf.find() is None
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_maker_that_dies_leaves_nothing_that_is_found(files: Path, tmp_path: Path) -> None:
    shelf = shelf_of(files, tmp_path / "kept")
    command = [sys.executable, "-c", MAKER, str(shelf.entry)]
    assert subprocess.run(command, check=False).returncode == 9  # noqa: S603 -- our own
    assert shelf.find() is None
    assert size_of(tmp_path / "kept") == (0, 0)
    (left,) = (tmp_path / "kept").glob(f"{MAKING}*")
    shelf.put(write)  # at once, by who is started in its place: it may be at work yet
    assert left.exists()
    long_ago = left.stat().st_mtime - FORSAKEN_S - 1
    os.utime(left, (long_ago, long_ago))
    assert shelf.find() == shelf.entry
    assert [entry.name for entry in (tmp_path / "kept").iterdir()] == [shelf.entry.name]


def test_a_maker_that_fails_leaves_nothing(files: Path, tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        write(folder)
        raise OSError(28, "No space left on device")

    shelf = shelf_of(files, tmp_path / "kept")
    shelf.put(full)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_place_that_cannot_be_written_stops_nobody(files: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file, not a folder")
    shelf_of(files, tmp_path / "kept").put(write)


def test_a_place_that_cannot_be_looked_at_stops_nobody(files: Path, tmp_path: Path) -> None:
    kept = tmp_path / ("kept" * 99)  # no folder can be: as with one of somebody else, looking fails
    shelf = shelf_of(files, kept)
    assert shelf.find() is None
    shelf.put(write)
    assert size_of(kept) == (0, 0)


def test_the_slower_of_two_who_remove_leaves_nothing(files: Path, tmp_path: Path) -> None:
    shelf = shelf_of(files, tmp_path / "kept")
    shelf.put(write)
    shelf.remove()
    shelf.remove()
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_faster_of_two_makers_is_kept(files: Path, tmp_path: Path) -> None:
    shelf = shelf_of(files, tmp_path / "kept")

    def slow(folder: Path) -> None:
        shelf.put(write)
        (folder / "model.safetensors").write_bytes(b"late")

    shelf.put(slow)
    found = shelf.find()
    assert found is not None
    assert (found / "model.safetensors").read_bytes() == b"quantized"
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_the_folder_is_where_caches_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/evenhand/quantized")


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        out: torch.Tensor = model(torch.arange(40).reshape(2, 20)).logits
    return out


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_kept_weights_compute_the_same_to_the_last_bit(
    make_checkpoint: Callable[..., Path], tmp_path: Path, quantization: str
) -> None:
    from serving.loading import load  # noqa: PLC0415 -- heavy

    folder = make_checkpoint(hidden_size=128, intermediate_size=512)
    kept = spec(folder, tmp_path, quantization)
    plain = logits(load(spec(folder, None, quantization)).model)
    first = logits(load(kept).model)
    assert size_of(tmp_path)[0] == 1
    again = load(kept)
    assert torch.equal(plain, first)
    assert torch.equal(plain, logits(again.model))
    assert again.eos == load(spec(folder, None, quantization)).eos


def test_kept_weights_are_read_instead_of_quantizing_again(
    make_checkpoint: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving import loading  # noqa: PLC0415 -- heavy

    kept = spec(make_checkpoint(), tmp_path)
    loading.load(kept)

    def never(*_: object) -> None:
        raise AssertionError("it was quantized again")

    monkeypatch.setattr(loading, "load_arguments", never)
    loading.load(kept)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(lost_device, FailureKind.PROCESS_DEAD, id="spoilt device"),
        pytest.param(out_of_memory, FailureKind.OUT_OF_MEMORY, id="no memory"),
    ],
)
def test_what_a_device_refuses_says_nothing_of_kept_weights(
    make_checkpoint: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[], None],
    kind: FailureKind,
) -> None:
    from serving import loading  # noqa: PLC0415 -- heavy

    kept = spec(make_checkpoint(), tmp_path)
    loading.load(kept)

    def refuses(*_: object, **__: object) -> None:
        fault()

    monkeypatch.setattr(loading, "read", refuses)
    with pytest.raises(EngineError) as refused:
        loading.load(kept)
    assert refused.value.kind is kind
    assert size_of(tmp_path)[0] == 1


def test_kept_weights_are_read_without_the_librarys_reader(
    make_checkpoint: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving import loading  # noqa: PLC0415 -- heavy

    kept = spec(make_checkpoint(), tmp_path)
    loading.load(kept)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the library reads any checkpoint, and takes its time")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", never)
    loading.load(kept)


def test_what_our_reader_refuses_the_library_reads(
    make_checkpoint: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from serving import loading  # noqa: PLC0415 -- heavy

    kept = spec(make_checkpoint(), tmp_path)
    whole = logits(loading.load(kept).model)
    (entry,) = tmp_path.iterdir()

    def refuses(*_: object, **__: object) -> None:
        raise TypeError("preprocess_model() has another form now")

    monkeypatch.setattr(loading, "read", refuses)
    assert torch.equal(whole, logits(loading.load(kept).model))
    assert "failed: TypeError: preprocess_model() has another form now" in caplog.text
    assert [*tmp_path.iterdir()] == [entry]


def test_a_model_on_several_cards_is_left_to_the_library(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    from serving import loading  # noqa: PLC0415 -- heavy

    folder = make_checkpoint()
    kept = spec(folder, tmp_path)
    loading.load(kept)
    entry = Shelf.of(kept, folder, cuda=False).entry
    cards = [torch.device("cuda", number) for number in range(2)]
    each = [len(list(loading._ways(entry, kept, cards[:many]))) for many in (1, 2)]  # noqa: SLF001
    assert each == [2, 1]


def test_weights_that_cannot_be_read_are_made_again(
    make_checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    from serving.loading import load  # noqa: PLC0415 -- heavy

    folder = make_checkpoint()
    kept = spec(folder, tmp_path)
    whole = logits(load(kept).model)
    shelf = Shelf.of(kept, folder, cuda=False)
    file = shelf.entry / "model.safetensors"
    file.write_bytes(b"\xff" * file.stat().st_size)  # of the right size, and nonsense
    assert torch.equal(whole, logits(load(kept).model))
    assert json.loads((shelf.entry / WHOLE).read_text())["model.safetensors"]
    assert file.read_bytes()[:8] != b"\xff" * 8


def test_an_entry_without_weights_is_not_whole(files: Path, tmp_path: Path) -> None:
    shelf = shelf_of(files, tmp_path / "kept")
    shelf.entry.mkdir(parents=True)
    (shelf.entry / WHOLE).write_text("{}")
    assert shelf.fault() == "it holds no weights"
    assert shelf.find() is None


def test_weights_that_a_broken_entry_keeps_out_are_told(
    files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = shelf_of(files, tmp_path / "kept")
    shelf.entry.mkdir(parents=True)
    (shelf.entry / WHOLE).write_text("{}")
    for _ in range(3):  # as many loads
        shelf.put(write)
    (told,) = caplog.messages
    assert "quantized weights are not kept in" in told
