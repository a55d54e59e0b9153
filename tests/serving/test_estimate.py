"""Bytes before loading against bytes after."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.shapes import SHAPES, write_shape
from serving.engine import EngineError
from serving.estimate import estimate, has_flash
from serving.local import build
from serving.spec import ModelSpec


@pytest.mark.parametrize("family", ["Llama", "GraniteMoe"])  # fused experts under a name of its own
@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
async def test_the_estimate_is_what_the_engine_takes(
    make_checkpoint: Callable[..., Path], quantization: str, family: str
) -> None:
    experts = {} if family == "Llama" else {"num_local_experts": 4, "num_experts_per_tok": 2}
    sizes = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 2}
    folder = make_checkpoint(family=family, **sizes, **experts)
    spec = ModelSpec.model_validate(
        {
            "name": "m",
            "checkpoint": str(folder),
            "quantization": quantization,
            "context_tokens": 128,
            "output_tokens": 8,
            "batch": 2,
        }
    )
    engine = build(spec)
    try:
        assert estimate(spec).total == pytest.approx(engine.footprint, rel=0.05)
    finally:
        await engine.close()


FACTS = {
    "Llama-2-7B": {"none": 12.55, "int8": 6.52, "nf4": 3.60},
    "Llama-3.1-8B": {"none": 14.96, "int8": 8.46, "nf4": 5.31},
    "Qwen2.5-7B": {"none": 14.19, "int8": 8.11, "nf4": 5.17},
}


@pytest.mark.parametrize("name", FACTS)
def test_published_shapes_take_what_the_library_counts_for_them(tmp_path: Path, name: str) -> None:
    """Gibibytes of weights on a card, counted by transformers on its meta device."""
    write_shape(tmp_path, SHAPES[name])
    for quantization, gib in FACTS[name].items():
        spec = ModelSpec.model_validate(
            {"name": "m", "checkpoint": str(tmp_path), "quantization": quantization}
        )
        assert estimate(spec, cuda=True).weights / 2**30 == pytest.approx(gib, rel=0.01)


@pytest.mark.parametrize(
    ("name", "kibibytes"), [("Llama-2-7B", 512), ("Llama-3.1-8B", 128), ("Qwen2.5-7B", 56)]
)
def test_the_cache_is_its_tokens_and_the_mask_over_them(
    tmp_path: Path, name: str, kibibytes: int
) -> None:
    write_shape(tmp_path, SHAPES[name])
    spec = ModelSpec(
        name="m", checkpoint=str(tmp_path), context_tokens=2048, output_tokens=99, batch=1
    )
    blocks = 2048 // 256 + 1
    tokens = 256 * (blocks + 2)
    reach = 256 * blocks + 2048
    mask = 0 if has_flash() else 2048 * reach * 2
    assert estimate(spec, cuda=True).cache == tokens * kibibytes * 1024 + mask + 8 * reach


def test_a_forward_pass_needs_room_on_a_card_and_not_in_main_memory(tmp_path: Path) -> None:
    write_shape(tmp_path, SHAPES["Llama-3.1-8B"])
    spec = ModelSpec(name="m", checkpoint=str(tmp_path))
    on_card, in_memory = estimate(spec, cuda=True), estimate(spec)
    assert on_card.total == on_card.held + on_card.working
    assert 0.2 < on_card.working / 2**30 < 2
    assert in_memory.working == 0


def test_what_runs_elsewhere_takes_nothing() -> None:
    assert estimate(ModelSpec(name="m", url="http://h/v1", remote_name="x")).total == 0
    assert estimate(ModelSpec(name="m", kind="scripted")).total == 0


def test_a_name_that_is_nowhere_is_refused_with_the_way_out() -> None:
    with pytest.raises(EngineError, match="download it first"):
        estimate(ModelSpec(name="m", checkpoint="nobody/nothing"))


def test_a_checkpoint_that_cannot_be_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\x01")
    with pytest.raises(EngineError, match=r"^m: .*/model.safetensors is cut short: 1 bytes; copy"):
        estimate(ModelSpec(name="m", checkpoint=str(tmp_path)))


def test_a_second_set_of_weights_beside_the_first_counts_nothing(tmp_path: Path) -> None:
    write_shape(tmp_path, SHAPES["Llama-2-7B"])
    spec = ModelSpec(name="m", checkpoint=str(tmp_path))
    alone = estimate(spec)
    shutil.copy(tmp_path / "model.safetensors", tmp_path / "consolidated.safetensors")
    assert estimate(spec) == alone


@pytest.mark.parametrize(
    ("file", "told"),
    [
        pytest.param(
            "adapter_model.bin",
            "has no adapter_model.safetensors; copy it again, or save it with PEFT",
            id="another format",
        ),
        pytest.param(
            "adapter_model.safetensors",
            "is a git-lfs pointer, not the file; run `git lfs pull` in its folder",
            id="pointer",
        ),
    ],
)
def test_an_adapter_that_cannot_be_read_is_refused_with_the_way_out(
    checkpoint: Path, tmp_path: Path, file: str, told: str
) -> None:
    (tmp_path / file).write_text("version https://git-lfs.github.com/spec/v1\nsize 99\n")
    spec = ModelSpec(name="m", checkpoint=str(checkpoint), adapter=str(tmp_path))
    with pytest.raises(EngineError) as refused:
        estimate(spec)
    assert refused.value.cause.startswith(f"m: adapter {tmp_path}: ")
    assert told in refused.value.cause
