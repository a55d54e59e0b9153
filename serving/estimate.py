"""How much memory a model will take, from its files' headers alone: nothing is loaded.

Knows the layouts of bitsandbytes; knows no budget.
"""

import json
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil, prod
from pathlib import Path
from typing import Any

from serving.cache import CacheShape, context_of
from serving.engine import EngineError, FailureKind
from serving.folders import adapter_folder, checkpoint_folder
from serving.quantize import check_weights
from serving.spec import ModelSpec, Quantization

NF4_BLOCK = 64  # weights that share one scale
NF4_OUTER = 256  # scales that share one scale of their own
# Only the matrices of linear layers are quantized: not the first and last, nor fused experts.
WHOLE = ("embed", "lm_head", "wte", "wpe", "experts")
FLASH = ("flash_attn", "flash_attn_interface")
HALF = 2  # bytes
FULL = 4  # bytes


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that one engine needs on its device."""

    weights: int
    cache: int
    """Keys and values, and the masks and indices of the tokens in them."""
    adapter: int = 0
    working: int = 0
    """What a forward pass takes on a card while it runs; main memory gives it back each time."""

    @property
    def held(self) -> int:
        """What it holds as long as it is loaded."""
        return self.weights + self.cache + self.adapter

    @property
    def total(self) -> int:
        """All of it."""
        return self.held + self.working


def estimate(spec: ModelSpec, *, cuda: bool = False) -> Estimate:
    """Return what a model needs; nothing for one that runs elsewhere.

    Raises
    ------
    EngineError
        If the checkpoint cannot be read.
    """
    if spec.kind != "local":
        return Estimate(0, 0)
    folder = checkpoint_folder(spec)
    check_weights(spec.name, folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tensors = [tensor for file in folder.glob("*.safetensors") for tensor in _tensors(file)]
        width = HALF if cuda else FULL
        weights = sum(_bytes(*tensor, spec.quantization, width) for tensor in tensors)
        trained = config.get("max_position_embeddings") or config.get("n_positions")
        shape = CacheShape.of(context_of(spec, trained), spec.batch, cuda=cuda)
        flash = cuda and has_flash()
        cache = shape.bytes(config, width) + shape.inputs(width, masked=not flash)
        working = shape.working(config, width, flash=flash) if cuda else 0
        return Estimate(weights, cache, adapter_bytes(spec, width), working)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: cannot read the checkpoint {folder}: {error}; copy it again",
        ) from error


def adapter_bytes(spec: ModelSpec, width: int = FULL) -> int:
    """Return what a model's adapter takes, its numbers being ``width`` bytes wide.

    Raises
    ------
    EngineError
        If it has one that is not there.
    """
    if (folder := adapter_folder(spec)) is None:
        return 0
    try:
        tensors = _tensors(folder / "adapter_model.safetensors")
    except (OSError, ValueError, struct.error) as error:
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: cannot read the adapter {folder}: {error}; "
            "copy it again, or save it with PEFT as adapter_model.safetensors",
        ) from error
    return sum(prod(shape) for _, shape in tensors) * width


def has_flash() -> bool:
    """Tell whether flash attention is installed; its kernels are never fetched from the hub."""
    return any(find_spec(package) is not None for package in FLASH)


def _tensors(file: Path) -> list[tuple[str, list[int]]]:
    """Return name and shape of every tensor in a safetensors file, from its header.

    Raises
    ------
    ValueError
        If the file is shorter than its header says.
    """
    with file.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        header: dict[str, Any] = json.loads(stream.read(size))
    header.pop("__metadata__", None)
    ends = [entry["data_offsets"][1] for entry in header.values()]
    whole, found = 8 + size + max(ends, default=0), file.stat().st_size
    if found < whole:
        raise ValueError(f"{file.name} is cut short: {found:,} of {whole:,} bytes")
    return [(name, entry["shape"]) for name, entry in header.items()]


def _bytes(name: str, shape: list[int], quantization: Quantization, width: int) -> int:
    """Return the bytes of one tensor in memory."""
    count = prod(shape)
    whole = len(shape) < 2 or any(part in name for part in WHOLE)  # noqa: PLR2004 -- a matrix
    if whole or quantization is Quantization.NONE:
        return count * width
    if quantization is Quantization.INT8:
        return count + shape[0] * FULL
    scales = ceil(count / NF4_BLOCK)
    return ceil(count / 2) + scales + ceil(scales / NF4_OUTER) * FULL
