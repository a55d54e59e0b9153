"""Quantized weights as they are kept on disk, read in little more than the time of their bytes.

`from_pretrained` reads any checkpoint, and takes milliseconds of the processor for each quantized
matrix, however small: it copies its settings for every tensor, and draws first values for matrices
that it replaces. What is kept was written here, out of a whole model. So the library makes the
model without its weights, and each tensor of the files goes where its name says. The result is the
model that `from_pretrained` makes of the same files. What does not fit is refused: the library
still reads these files. Knows neither specifications nor where files lie.

On a card, where nothing of this has run yet: memory is asked for once, as the library does; what
describes a quantized matrix is looked at in main memory, so that nothing is read back; and tensors
are copied in a row with no wait for each, save one number for each four-bit matrix. They come out
of the mapped file, whose pages are not pinned.
"""

import json
import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig
from transformers.quantizers.auto import AutoHfQuantizer

BUFFERS: Final = "buffers.safetensors"  # what a checkpoint leaves out; where it is, `read` can read
SHAPE: Final = "quant_state.bitsandbytes__nf4"  # and all else that is no tensor, as bytes
SCALES: Final = ("absmax", "quant_map", "nested_absmax", "nested_quant_map")
KINDS: Final = {
    "BF16": torch.bfloat16,
    "BOOL": torch.bool,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I8": torch.int8,
    "I32": torch.int32,
    "I64": torch.int64,
    "U8": torch.uint8,
}
ROWS: Final = 0  # how eight-bit weights lie, in bitsandbytes' numbers


class UnfitError(Exception):
    """Files are not, tensor by tensor, those of the model that is to be read."""


def write(model: Any, folder: Path) -> None:  # noqa: ANN401 -- any architecture
    """Write a quantized model, so that `read` can read it if it is saved as it stands.

    Before any forward pass: on a CPU the first one repacks four-bit weights.
    """
    model.save_pretrained(folder)
    state = model.state_dict()
    for file in folder.glob("*.safetensors"):
        for name, tensor in load_file(file).items():
            # Some architectures are saved under other names or in other pieces.
            if name not in state or not torch.equal(tensor, state[name].cpu()):
                return
    left_out = {name: buffer for name, buffer in model.named_buffers() if name not in state}
    whole = {
        name: buffer.clone(memory_format=torch.contiguous_format)
        for name, buffer in left_out.items()
    }
    save_file(whole, folder / BUFFERS)


def read(folder: Path, *, dtype: torch.dtype, device: torch.device) -> Any:  # noqa: ANN401 -- any architecture
    """Return the model that `write` wrote.

    Raises
    ------
    Exception
        Of any kind, if the files do not fit or the libraries make models in another way.
    """
    model, quantizer = _empty(folder, dtype, device)
    files = sorted(folder.glob("*.safetensors"))
    if device.type == "cuda":
        _claim(sum(file.stat().st_size for file in files), device)
    found = {name: tensor for file in files for name, tensor in _mapped(file).items()}
    _fill(model, _Found(found, device))
    model.generation_config = GenerationConfig.from_pretrained(folder)
    model.hf_quantizer = quantizer
    quantizer.postprocess_model(model)
    return model.train(mode=False)


def _claim(size: int, device: torch.device) -> None:
    """Ask a card for memory at once, which torch divides: a thousand requests take long."""
    with suppress(torch.OutOfMemoryError):  # torch may have the room in pieces
        torch.empty(size, dtype=torch.uint8, device=device)


def _empty(folder: Path, dtype: torch.dtype, device: torch.device) -> tuple[Any, Any]:
    """Return a model whose tensors are only described, and what knows its quantization."""
    config = AutoConfig.from_pretrained(folder)
    if config.dtype != dtype:
        raise UnfitError(f"numbers are {config.dtype}, not {dtype}")
    quantizer = AutoHfQuantizer.from_config(config.quantization_config, pre_quantized=True)
    with _Unset():
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
        quantizer.preprocess_model(model=model, dtype=dtype, device_map={"": device})
    return model, quantizer


def _mapped(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file that `write` wrote, as they lie in it: read when touched.

    The library's own reader takes as long for a thousand tensors as the system for their bytes.
    """
    with safe_open(file, framework="pt"), file.open("rb") as opened:  # the header is checked
        # Whoever writes into a tensor gets pages of its own.
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    (length,) = struct.unpack_from("<Q", mapped)
    begin = struct.calcsize("<Q") + length
    header = json.loads(mapped[begin - length : begin])
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            mapped,
            dtype=KINDS[told["dtype"]],
            count=prod(told["shape"]),
            offset=begin + told["data_offsets"][0],
        ).view(told["shape"])
        for name, told in header.items()
    }


class _Unset(TorchFunctionMode):
    """Within it, tensors that this thread makes keep whatever they begin with."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class _Found:
    """The tensors of the files, each to be taken once."""

    tensors: dict[str, torch.Tensor]
    device: torch.device

    def take(self, name: str) -> torch.Tensor:
        """Return a tensor on the device."""
        return self.tensors.pop(name).to(self.device, non_blocking=True)


def _fill(model: Any, found: _Found) -> None:  # noqa: ANN401 -- any architecture
    """Put every tensor into its place, and leave no place empty."""
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt  # noqa: PLC0415 -- seconds

    kinds = {Linear4bit: _four_bits, Linear8bitLt: _eight_bits}
    modules = dict(model.named_modules())
    for name, empty in [*model.named_parameters(), *model.named_buffers()]:
        path, _, leaf = name.rpartition(".")
        module = modules[path]
        if leaf == "weight" and (quantized := kinds.get(type(module))) is not None:
            setattr(module, leaf, quantized(module, name, found))
        else:
            setattr(module, leaf, _plain(empty, name, found))
    model.tie_weights()
    if found.tensors:
        raise UnfitError(f"the model has no {min(found.tensors)}")
    if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        raise UnfitError("the files do not fill the model")


def _plain(empty: torch.Tensor, name: str, found: _Found) -> torch.Tensor:
    tensor = found.take(name)
    if tensor.shape != empty.shape:
        raise UnfitError(f"{name} has another shape")
    if not isinstance(empty, torch.nn.Parameter):
        return tensor
    return torch.nn.Parameter(tensor, requires_grad=tensor.is_floating_point())


def _four_bits(module: Any, name: str, found: _Found) -> torch.Tensor:  # noqa: ANN401 -- untyped
    from bitsandbytes.nn.modules import Params4bit  # noqa: PLC0415 -- as above

    state = {key: found.take(f"{name}.{key}") for key in SCALES}
    state[SHAPE] = found.tensors.pop(f"{name}.{SHAPE}")
    weight: torch.Tensor = Params4bit.from_prequantized(
        found.take(name), quantized_stats=state, device=found.device, module=module
    )
    if module.quant_state.shape != (module.out_features, module.in_features):
        raise UnfitError(f"{name} has another shape")
    return weight


def _eight_bits(module: Any, name: str, found: _Found) -> torch.Tensor:  # noqa: ANN401 -- untyped
    from bitsandbytes.nn.modules import Int8Params  # noqa: PLC0415 -- as above

    if found.tensors.pop(f"{name}_format").item() != ROWS:
        raise UnfitError(f"{name} does not lie in rows")
    weight, scales = found.take(name), found.take(f"{name.removesuffix('weight')}SCB")
    if weight.shape != (module.out_features, module.in_features):
        raise UnfitError(f"{name} has another shape")
    made: torch.Tensor = Int8Params(
        weight, requires_grad=False, has_fp16_weights=False, CB=weight, SCB=scales
    )
    return made
