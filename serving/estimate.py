"""How much memory a model will take, from its files' headers alone: nothing is loaded.

Knows the layouts of bitsandbytes and of the key-value cache; knows no budget.
"""

import json
import struct
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

from serving.engine import EngineError, FailureKind
from serving.quantize import check_weights
from serving.spec import ModelSpec, Quantization

CONTEXT_TOKENS = 4096  # the loader's own cap where the roster sets none
NF4_BLOCK = 64  # weights that share one scale
NF4_OUTER = 256  # scales that share one scale of their own
HALF = 2  # bytes
FULL = 4  # bytes


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that one engine needs on its device."""

    weights: int
    cache: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache


def estimate(spec: ModelSpec, *, cuda: bool = False) -> Estimate:
    """Return what a model needs; nothing for one that runs elsewhere.

    Raises
    ------
    EngineError
        If the checkpoint cannot be read.
    """
    if spec.kind != "local":
        return Estimate(0, 0)
    check_weights(spec)
    folder = folder_of(spec)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        shapes = [shape for file in folder.glob("*.safetensors") for shape in _shapes(file)]
        width = HALF if cuda else FULL
        weights = sum(_bytes(*shape, spec.quantization, width) for shape in shapes)
        return Estimate(weights, _cache_bytes(spec, config, width, cuda=cuda))
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise EngineError(
            FailureKind.BACKEND, f"{spec.name}: cannot read the checkpoint {folder}: {error}"
        ) from error


def folder_of(spec: ModelSpec) -> Path:
    """Return the folder that holds a checkpoint, be it named or in the hub's cache."""
    folder = Path(spec.checkpoint or "")
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download  # noqa: PLC0415 -- only for names on the hub

    try:
        found = snapshot_download(
            str(spec.checkpoint), revision=spec.revision, local_files_only=True
        )
    except Exception as error:  # the library has many errors for one fact
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: {spec.checkpoint} is neither a folder nor in the hub's cache; "
            "download it first, or give the path of a folder",
        ) from error
    return Path(found)


def _shapes(file: Path) -> list[tuple[str, list[int]]]:
    """Return name and shape of every tensor in a safetensors file, from its header."""
    with file.open("rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        header: dict[str, Any] = json.loads(stream.read(size))
    return [(name, entry["shape"]) for name, entry in header.items() if name != "__metadata__"]


def _bytes(name: str, shape: list[int], quantization: Quantization, width: int) -> int:
    """Return the bytes of one tensor in memory."""
    count = prod(shape)
    # Only the matrices of linear layers are quantized; the first and the last stay whole.
    whole = len(shape) < 2 or any(part in name for part in ("embed", "lm_head", "wte", "wpe"))  # noqa: PLR2004 -- a matrix
    if whole or quantization is Quantization.NONE:
        return count * width
    if quantization is Quantization.INT8:
        return count + shape[0] * FULL
    scales = ceil(count / NF4_BLOCK)
    return ceil(count / 2) + scales + ceil(scales / NF4_OUTER) * FULL


def _cache_bytes(spec: ModelSpec, config: dict[str, Any], width: int, *, cuda: bool) -> int:
    config = config.get("text_config", config)
    layers = config.get("num_hidden_layers") or config["n_layer"]
    heads = config.get("num_attention_heads") or config["n_head"]
    hidden = config.get("hidden_size") or config["n_embd"]
    pairs = config.get("num_key_value_heads") or heads
    size = config.get("head_dim") or hidden // heads
    trained = config.get("max_position_embeddings") or config.get("n_positions") or CONTEXT_TOKENS
    context = spec.context_tokens or min(trained, CONTEXT_TOKENS)
    page = 256 if cuda else 32
    blocks = spec.batch * (ceil(context / page) + 1) + 2
    return int(2 * layers * pairs * size * width * page * blocks)
