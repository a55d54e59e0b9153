"""What is kept is read as the library reads it, to the last bit, or it is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from serving.kept import BUFFERS, UnfitError, _claim, read, write
from serving.quantize import config_for, quiet_libraries
from serving.spec import Quantization

CPU = torch.device("cpu")
WEIGHTS = "model.safetensors"
SIZES = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "initializer_range": 0.5,
    "bos_token_id": 1,
    "eos_token_id": [2, 3],
    "pad_token_id": 0,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}


def quantized(
    folder: Path,
    quantization: str = "nf4",
    model: str = "LlamaForCausalLM",
    dtype: torch.dtype = torch.float32,
    **changes: object,
) -> Any:  # noqa: ANN401 -- transformers' class
    """Return a model of random weights that the library has just quantized."""
    quiet_libraries()
    family = getattr(transformers, model)
    torch.manual_seed(0)
    family(family.config_class(**SIZES | changes)).save_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        device_map={"": CPU},
        quantization_config=config_for(Quantization(quantization)),
    )


def kept(folder: Path, **how: Any) -> Path:  # noqa: ANN401 -- as above
    """Return the folder of a quantized model that was written."""
    model = quantized(folder / "whole", **how)
    (folder / "kept").mkdir()
    write(model, folder / "kept")
    return folder / "kept"


def by_library(folder: Path, dtype: torch.dtype = torch.float32) -> Any:  # noqa: ANN401 -- as above
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, device_map={"": CPU})


def facts_of(value: object) -> object:
    """Return all that is told of a value, tensors as their kind and their bytes."""
    if isinstance(value, torch.Tensor):
        beside = {key: facts_of(one) for key, one in vars(value).items() if key in BESIDE}
        form = (type(value), value.dtype, value.shape, value.device, value.requires_grad)
        return (
            form,
            value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes(),
            beside,
        )
    if type(value).__name__ == "QuantState":
        return {key: facts_of(one) for key, one in vars(value).items()}
    return value


BESIDE = (
    *("CB", "SCB", "has_fp16_weights"),
    *(
        "blocksize",
        "bnb_quantized",
        "compress_statistics",
        "quant_state",
        "quant_storage",
        "quant_type",
    ),
)


def tensors_of(model: Any) -> dict[str, object]:  # noqa: ANN401 -- as above
    named = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    return {name: facts_of(tensor) for name, tensor in named}


def settings_of(module: torch.nn.Module) -> dict[str, object]:
    """Return the simple attributes of a module, but not the library's own marks."""
    plain = (bool, int, float, str, torch.dtype, type(None))
    marks = ("_is_hf_initialized", "_use_kernels")
    return {k: v for k, v in vars(module).items() if isinstance(v, plain) and k not in marks}


def logits(model: Any) -> torch.Tensor:  # noqa: ANN401 -- as above
    with torch.inference_mode():
        out: torch.Tensor = model(torch.arange(40).reshape(2, 20)).logits
    return out


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="llama"),
        pytest.param({"tie_word_embeddings": True, "rope_parameters": YARN}, id="tied, yarn"),
        pytest.param({"model": "Qwen2ForCausalLM", "dtype": torch.bfloat16}, id="biases, 16 bits"),
        pytest.param(
            {"model": "GPT2LMHeadModel", "n_embd": 64, "n_layer": 1, "n_head": 2}, id="gpt2"
        ),
        pytest.param(
            {"model": "GPTBigCodeForCausalLM", "n_embd": 64, "n_layer": 1, "n_head": 2},
            id="a mask among its buffers",
        ),
    ],
)
def test_what_is_read_is_what_the_library_reads(
    tmp_path: Path, quantization: str, how: dict[str, Any]
) -> None:
    folder = kept(tmp_path, quantization=quantization, **how)
    dtype = how.get("dtype", torch.float32)
    theirs, ours = by_library(folder, dtype), read(folder, dtype=dtype, device=CPU)
    assert type(ours) is type(theirs)
    assert tensors_of(ours) == tensors_of(theirs)
    pairs = zip(theirs.named_modules(), ours.named_modules(), strict=True)
    for (name, one), (same, other) in pairs:
        assert (same, type(other)) == (name, type(one))
        assert settings_of(other) == settings_of(one), name
    assert ours.config.to_dict() == theirs.config.to_dict()
    assert ours.config._attn_implementation == theirs.config._attn_implementation  # noqa: SLF001
    assert ours.generation_config.to_dict() == theirs.generation_config.to_dict()
    head, embedding = ours.get_output_embeddings(), ours.get_input_embeddings()
    tied = theirs.get_output_embeddings().weight is theirs.get_input_embeddings().weight
    assert (head.weight is embedding.weight) == tied
    assert torch.equal(logits(ours), logits(theirs))


def test_it_is_the_model_that_was_written(tmp_path: Path) -> None:
    written = quantized(tmp_path / "whole", rope_parameters=YARN)
    write(written, tmp_path)
    ours = read(tmp_path, dtype=torch.float32, device=CPU)
    assert tensors_of(ours) == tensors_of(written)
    assert torch.equal(logits(ours), logits(written))


def test_a_model_that_is_saved_in_other_pieces_is_left_to_the_library(tmp_path: Path) -> None:
    folder = kept(tmp_path, model="MixtralForCausalLM", num_local_experts=2)
    assert not (folder / BUFFERS).exists()
    assert by_library(folder).num_parameters() > 0


@pytest.fixture(scope="module", params=["int8", "nf4"])
def entry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that was written, in each quantization."""
    return kept(tmp_path_factory.mktemp(request.param), quantization=request.param)


def changed(entry: Path, folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """Return a copy of an entry with other tensors."""
    copytree(entry, folder / "changed")
    tensors = {name: tensor.clone() for name, tensor in load_file(entry / WEIGHTS).items()}
    change(tensors)
    save_file(tensors, folder / "changed" / WEIGHTS)
    return folder / "changed"


GATE = "model.layers.0.mlp.gate_proj.weight"
DOWN = GATE.replace("gate", "down")
NORM = "model.norm.weight"
Tensors = dict[str, torch.Tensor]


def surplus(of: Tensors) -> None:
    of["more"] = torch.ones(1)


def without(name: str) -> Callable[[Tensors], object]:
    return lambda of: of.pop(name)


def shorter(of: Tensors) -> None:
    of[NORM] = of[NORM][1:].clone()


def of_another_matrix(of: Tensors) -> None:
    """Put all that stands for one matrix in the place of one of another shape."""
    prefix = DOWN.removesuffix("weight")
    for name in [name for name in of if name.startswith(prefix)]:
        of[name.replace(DOWN[:-6], GATE[:-6])] = of[name].clone()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        pytest.param(surplus, "the model has no more", id="surplus"),
        pytest.param(without(NORM), NORM, id="missing"),
        pytest.param(without(GATE), GATE, id="without its weights"),
        pytest.param(shorter, "norm.weight has another shape", id="shorter"),
        pytest.param(of_another_matrix, "gate_proj.weight has another shape", id="another matrix"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    entry: Path, tmp_path: Path, change: Callable[[Tensors], object], cause: str
) -> None:
    with pytest.raises((UnfitError, KeyError), match=cause):
        read(changed(entry, tmp_path, change), dtype=torch.float32, device=CPU)


def test_scales_that_are_missing_are_missed(entry: Path, tmp_path: Path) -> None:
    prefix = GATE.removesuffix("weight")
    beside = [name for name in load_file(entry / WEIGHTS) if name.startswith(prefix)]
    for number, name in enumerate(beside):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(KeyError, match=name):
            read(
                changed(entry, tmp_path / str(number), without(name)),
                dtype=torch.float32,
                device=CPU,
            )


@pytest.mark.parametrize("entry", ["int8"], indirect=True)
def test_eight_bits_that_lie_in_another_order_are_refused(entry: Path, tmp_path: Path) -> None:
    folder = changed(entry, tmp_path, lambda of: of[f"{GATE}_format"].fill_(1))
    with pytest.raises(UnfitError, match="does not lie in rows"):
        read(folder, dtype=torch.float32, device=CPU)


def test_another_width_of_numbers_is_refused(entry: Path) -> None:
    with pytest.raises(UnfitError, match=r"numbers are torch.float32, not torch.bfloat16"):
        read(entry, dtype=torch.bfloat16, device=CPU)


def test_a_buffer_that_is_in_no_file_is_missed(entry: Path, tmp_path: Path) -> None:
    folder = changed(entry, tmp_path, dict)
    save_file({}, folder / BUFFERS)
    with pytest.raises(KeyError, match="inv_freq"):
        read(folder, dtype=torch.float32, device=CPU)


def test_a_header_that_puts_a_tensor_in_the_place_of_another_is_refused(
    entry: Path, tmp_path: Path
) -> None:
    folder = changed(entry, tmp_path, dict)
    content = (folder / WEIGHTS).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header[NORM]["data_offsets"][1] -= 4
    header[NORM]["shape"] = [63]
    new = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    (folder / WEIGHTS).write_bytes(content[:8] + new + content[8 + length :])
    with pytest.raises(SafetensorError):
        read(folder, dtype=torch.float32, device=CPU)


def test_a_card_without_room_in_one_piece_may_have_it_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_args: object, **_settings: object) -> torch.Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch, "empty", full)
    _claim(2**30, torch.device("cuda"))
