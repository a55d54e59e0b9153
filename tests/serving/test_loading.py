"""Where weights go: one device, or an even share on each of several."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.integrations import accelerate
from transformers.quantizers.auto import AutoHfQuantizer

from benchmarks.shapes import LLAMA_2_7B, meta_model, write_shape
from serving.devices import SPREAD
from serving.engine import EngineError
from serving.loading import _settle_libraries, device_arguments, devices_for, load
from serving.quantize import load_arguments
from serving.spec import ModelSpec


def test_a_single_device_takes_everything() -> None:
    spec = ModelSpec(name="m", checkpoint="c", device="cpu")
    assert devices_for(spec) == [torch.device("cpu")]
    assert device_arguments(spec, devices_for(spec)) == {"device_map": {"": torch.device("cpu")}}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_card_that_is_not_there_is_named() -> None:
    with pytest.raises(EngineError, match="device cuda:1 is not there"):
        devices_for(ModelSpec(name="m", checkpoint="c", device="cuda:1"))


def test_a_spread_model_finds_room_on_its_cards_and_nowhere_else(tmp_path: Path) -> None:
    """The library's own division of layers, asked with the shares that loading gives it."""
    from accelerate import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- heavy
        infer_auto_device_map,
    )

    write_shape(tmp_path, LLAMA_2_7B)
    spec = ModelSpec(name="m", checkpoint=str(tmp_path), device="cuda:0+cuda:1+cuda:2")
    arguments = device_arguments(spec, [torch.device("cuda", number) for number in range(3)])
    shares = arguments["max_memory"]
    assert sum(shares.values()) == pytest.approx(12.55 * 2**30 * SPREAD, rel=0.01)
    divided = infer_auto_device_map(
        meta_model(LLAMA_2_7B),
        max_memory={**shares, "cpu": 0},
        no_split_module_classes=["LlamaDecoderLayer"],
    )
    assert set(divided.values()) == {0, 1, 2}


@pytest.mark.parametrize("cards", [2, 3, 4])
@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_a_quantized_model_is_spread_over_its_cards_and_nowhere_else(
    quantization: str, cards: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library fills nine tenths of what it is given, and refuses a model that is left over."""
    write_shape(tmp_path, LLAMA_2_7B)
    device = "+".join(f"cuda:{number}" for number in range(cards))
    said = {"name": "m", "checkpoint": str(tmp_path), "quantization": quantization}
    spec = ModelSpec.model_validate({**said, "device": device})
    arguments = device_arguments(spec, [torch.device("cuda", number) for number in range(cards)])
    config = load_arguments(spec)["quantization_config"]
    quantizer = AutoHfQuantizer.from_config(config, pre_quantized=False)
    model = meta_model(LLAMA_2_7B)
    quantizer.preprocess_model(model=model, dtype=torch.bfloat16, device_map=None)
    monkeypatch.setattr(accelerate, "get_max_memory", dict)  # else it asks the cards
    divided = accelerate._get_device_map(model, **arguments, hf_quantizer=quantizer)  # noqa: SLF001 -- as loading comes to it
    assert set(divided.values()) == set(range(cards))


def test_attention_is_not_left_to_a_library_that_plans_for_each_length(checkpoint: Path) -> None:
    torch.backends.cuda.enable_cudnn_sdp(enabled=True)
    _settle_libraries.cache_clear()
    load(ModelSpec(name="m", checkpoint=str(checkpoint)))
    assert not torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]


def test_weights_that_are_missing_are_not_made_up(checkpoint: Path, tmp_path: Path) -> None:
    folder = copytree(checkpoint, tmp_path / "partial")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        EngineError, match=r"^m: the files have no model.norm.weight, which .* whole"
    ):
        load(ModelSpec(name="m", checkpoint=str(folder)))


def test_a_model_that_the_library_leaves_at_full_width_is_refused(
    make_checkpoint: Callable[..., Path],
) -> None:
    spec = {"name": "m", "checkpoint": str(make_checkpoint(family="Falcon")), "quantization": "nf4"}
    with pytest.raises(
        EngineError, match="no layer of FalconForCausalLM; set quantization to none"
    ):
        load(ModelSpec.model_validate(spec))


def test_what_a_model_can_take_is_known_before_it_is_asked(
    make_checkpoint: Callable[..., Path],
) -> None:
    """MPT has a name of its own for its context, and dies of what is longer."""
    folder = make_checkpoint(
        family="Mpt", max_seq_len=64, max_position_embeddings=None, vocab_size=300, n_heads=2
    )
    loaded = load(ModelSpec(name="m", checkpoint=str(folder), device="cpu"))
    assert (loaded.context_tokens, loaded.known_ids) == (64, 300)
