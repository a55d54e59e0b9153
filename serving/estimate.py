"""How much memory a model will take, from its files' headers alone: nothing is loaded.

Knows the layouts of bitsandbytes; knows no budget.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil, prod

from serving.adapters import adapter_shapes
from serving.cache import CacheShape, context_of
from serving.checkpoint import read_checkpoint, trained_tokens
from serving.contents import Shape
from serving.engine import EngineError
from serving.folders import adapter_folder
from serving.spec import ModelSpec, Quantization

NF4_BLOCK = 64  # weights that share one scale
NF4_OUTER = 256  # scales that share one scale of their own
# Only the matrices of linear layers are quantized: not the first and last, nor fused experts, which
# some call otherwise. Those have three dimensions.
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
    checkpoint = read_checkpoint(spec)
    width = HALF if cuda else FULL
    tensors = checkpoint.shapes.items()
    weights = sum(_bytes(name, shape, spec.quantization, width) for name, shape in tensors)
    tokens = context_of(spec, trained_tokens(checkpoint.config))
    shape = CacheShape.of(tokens, spec.batch, cuda=cuda)
    flash = cuda and has_flash()
    config = checkpoint.config
    cache = shape.bytes(config, width) + shape.inputs(config, width, masked=not flash)
    working = shape.working(config, width, flash=flash) if cuda else 0
    return Estimate(weights, cache, adapter_bytes(spec, width), working)


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
        shapes = adapter_shapes(folder)
    except EngineError as error:
        cause = f"{spec.name}: adapter {spec.adapter}: {error.cause}"
        raise EngineError(error.kind, cause) from error
    return sum(map(prod, shapes.values())) * width


def has_flash() -> bool:
    """Tell whether flash attention is installed; its kernels are never fetched from the hub."""
    return any(find_spec(package) is not None for package in FLASH)


def _bytes(name: str, shape: Shape, quantization: Quantization, width: int) -> int:
    """Return the bytes of one tensor in memory."""
    count = prod(shape)
    whole = len(shape) != 2 or any(part in name for part in WHOLE)  # noqa: PLR2004 -- a matrix
    if whole or quantization is Quantization.NONE:
        return count * width
    if quantization is Quantization.INT8:
        return count + shape[0] * FULL
    scales = ceil(count / NF4_BLOCK)
    return ceil(count / 2) + scales + ceil(scales / NF4_OUTER) * FULL
