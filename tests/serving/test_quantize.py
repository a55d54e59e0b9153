"""Which weights are read and how: no pickles, double quantization, no noise."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.quantize import config_for, load_arguments, quiet_libraries
from serving.spec import ModelSpec, Quantization


def spec(folder: Path | str, **fields: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": "m", "checkpoint": str(folder), **fields})


def test_four_bits_are_always_double_quantized() -> None:
    config = config_for(Quantization.NF4)
    assert config is not None
    assert config.bnb_4bit_use_double_quant
    assert config.bnb_4bit_quant_type == "nf4"


def test_each_quantization_asks_for_its_own_width() -> None:
    int8 = config_for(Quantization.INT8)
    assert int8 is not None
    assert (int8.load_in_8bit, int8.load_in_4bit) == (True, False)
    assert config_for(Quantization.NONE) is None


def test_code_of_a_checkpoint_is_off_and_safetensors_are_on() -> None:
    arguments = load_arguments(spec("c"))
    assert arguments == {"use_safetensors": True, "trust_remote_code": False}


def test_only_known_noise_is_dropped() -> None:
    quiet_libraries()
    quiet_libraries()
    logger = logging.getLogger("bitsandbytes.autograd._functions")
    assert len(logger.filters) == 1

    def kept(message: str) -> bool:
        return bool(logger.filter(logger.makeRecord("x", 30, "f", 1, message, (), None)))

    assert not kept("MatMul8bitLt: inputs will be cast from torch.float32 to float16")
    assert kept("something new")


@pytest.mark.parametrize("quantization", [Quantization.INT8, Quantization.NF4])
def test_quantized_weights_take_less_memory(
    make_checkpoint: Callable[..., Path], quantization: Quantization
) -> None:
    from serving.loading import load  # noqa: PLC0415 -- heavy

    folder = make_checkpoint(hidden_size=128, intermediate_size=512)
    full = load(spec(folder)).model.get_memory_footprint()
    assert load(spec(folder, quantization=quantization)).model.get_memory_footprint() < full / 2
