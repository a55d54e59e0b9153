"""Bytes before loading against bytes after."""

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.engine import EngineError
from serving.estimate import estimate
from serving.local import build
from serving.spec import ModelSpec


@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
async def test_the_estimate_is_what_the_engine_takes(
    make_checkpoint: Callable[..., Path], quantization: str
) -> None:
    folder = make_checkpoint(hidden_size=256, intermediate_size=1024, num_hidden_layers=2)
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


def test_seven_billion_parameters_take_what_was_measured(tmp_path: Path) -> None:
    """Figures of a Llama 2 7B shape on the meta device: 12.55, 6.52 and 3.60 GiB."""
    _write_shapes(tmp_path)
    measured = {"none": 12.55, "int8": 6.52, "nf4": 3.60}
    for quantization, gib in measured.items():
        spec = ModelSpec.model_validate(
            {"name": "m", "checkpoint": str(tmp_path), "quantization": quantization}
        )
        assert estimate(spec, cuda=True).weights / 2**30 == pytest.approx(gib, rel=0.01)


def test_a_token_of_that_shape_takes_half_a_mebibyte_of_cache(tmp_path: Path) -> None:
    _write_shapes(tmp_path)
    spec = ModelSpec(
        name="m", checkpoint=str(tmp_path), context_tokens=2048, output_tokens=99, batch=1
    )
    tokens = 256 * (2048 // 256 + 1 + 2)
    assert estimate(spec, cuda=True).cache == tokens * 512 * 1024


def _write_shapes(folder: Path) -> None:
    """Write config and header of a Llama 2 7B shape, without its weights."""
    import json  # noqa: PLC0415 -- here alone
    import struct  # noqa: PLC0415 -- here alone

    hidden, inner, layers, words = 4096, 11008, 32, 32000
    shapes = {"model.embed_tokens.weight": [words, hidden], "lm_head.weight": [words, hidden]}
    shapes["model.norm.weight"] = [hidden]
    for layer in range(layers):
        at = f"model.layers.{layer}"
        for part in "qkvo":
            shapes[f"{at}.self_attn.{part}_proj.weight"] = [hidden, hidden]
        shapes[f"{at}.mlp.gate_proj.weight"] = [inner, hidden]
        shapes[f"{at}.mlp.up_proj.weight"] = [inner, hidden]
        shapes[f"{at}.mlp.down_proj.weight"] = [hidden, inner]
        shapes[f"{at}.input_layernorm.weight"] = [hidden]
        shapes[f"{at}.post_attention_layernorm.weight"] = [hidden]
    entries = {name: {"dtype": "BF16", "shape": shape} for name, shape in shapes.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    config = {
        "num_hidden_layers": layers,
        "num_attention_heads": 32,
        "hidden_size": hidden,
        "max_position_embeddings": 4096,
    }
    (folder / "config.json").write_text(json.dumps(config))


def test_what_runs_elsewhere_takes_nothing() -> None:
    assert estimate(ModelSpec(name="m", url="http://h/v1", remote_name="x")).total == 0
    assert estimate(ModelSpec(name="m", kind="scripted")).total == 0


def test_a_name_that_is_nowhere_is_refused_with_the_way_out() -> None:
    with pytest.raises(EngineError, match="download it first"):
        estimate(ModelSpec(name="m", checkpoint="nobody/nothing"))


def test_a_header_that_is_no_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\x01")
    with pytest.raises(EngineError, match="cannot read the checkpoint"):
        estimate(ModelSpec(name="m", checkpoint=str(tmp_path)))
