"""How weights are read: safetensors only, in the quantization that the roster names.

Knows bitsandbytes and its noise; knows nothing of prompts, engines or memory budgets.
"""

import logging
from typing import TYPE_CHECKING, Any

from serving.spec import ModelSpec, Quantization

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

SKIPPED_MODULES = ["lm_head"]
"""Kept at full width, as the papers of both quantizations do."""


def config_for(quantization: Quantization) -> "BitsAndBytesConfig | None":
    """Return the library's settings for a quantization.

    Four-bit weights are always double quantized: without it, one forward pass on the CPU changes
    them so that saving the model afterwards corrupts it (bitsandbytes 0.50).
    """
    if quantization is Quantization.NONE:
        return None
    import torch  # noqa: PLC0415 -- heavy: only when an engine is built
    from transformers import BitsAndBytesConfig  # noqa: PLC0415 -- heavy as well

    if quantization is Quantization.INT8:
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_8bit=True, llm_int8_skip_modules=SKIPPED_MODULES
        )
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=SKIPPED_MODULES,
    )


class _Without(logging.Filter):
    """Drop the records that begin in a known harmless way."""

    def __init__(self, *beginnings: str) -> None:
        super().__init__()
        self._beginnings = beginnings

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self._beginnings)


def quiet_libraries() -> None:
    """Drop log lines that are repeated for each layer of each token and tell nothing."""
    harmless = {
        "bitsandbytes.autograd._functions": ("MatMul8bitLt: inputs will be cast",),
        "bitsandbytes.backends.cpu.ops": ("Failed to load CPU gemm_4bit_forward",),
    }
    for name, beginnings in harmless.items():
        logger = logging.getLogger(name)
        if not any(isinstance(known, _Without) for known in logger.filters):
            logger.addFilter(_Without(*beginnings))
    from transformers.utils import logging as library  # noqa: PLC0415 -- heavy

    library.disable_progress_bar()  # type: ignore[no-untyped-call]


def load_arguments(spec: ModelSpec) -> dict[str, Any]:
    """Return the arguments with which `from_pretrained` reads and quantizes this model safely."""
    arguments: dict[str, Any] = {
        "use_safetensors": True,
        "trust_remote_code": spec.trust_remote_code,
    }
    if (config := config_for(spec.quantization)) is not None:
        arguments["quantization_config"] = config
    return arguments
