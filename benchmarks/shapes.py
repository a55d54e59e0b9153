"""Published shapes of models, without their weights: configuration and headers alone.

The library lays out each shape on its meta device, so names and sizes are those of a real
checkpoint, and the estimate of memory reads them as it reads any other.
"""

import json
import struct
from pathlib import Path
from typing import Any, Final

LLAMA_2_7B: Final[dict[str, Any]] = {
    "model_type": "llama",
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
}
LLAMA_31_8B: Final[dict[str, Any]] = LLAMA_2_7B | {
    "vocab_size": 128_256,
    "intermediate_size": 14_336,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131_072,
}
QWEN_25_7B: Final[dict[str, Any]] = {
    "model_type": "qwen2",
    "vocab_size": 152_064,
    "hidden_size": 3584,
    "intermediate_size": 18_944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32_768,
}
SHAPES: Final = {
    "Llama-2-7B": LLAMA_2_7B,
    "Llama-3.1-8B": LLAMA_31_8B,
    "Qwen2.5-7B": QWEN_25_7B,
}


def meta_model(shape: dict[str, Any]) -> Any:  # noqa: ANN401 - any class
    """Return a model of a shape that holds no number."""
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415 - heavy

    settings = {key: value for key, value in shape.items() if key != "model_type"}
    config = AutoConfig.for_model(shape["model_type"], **settings)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]


def write_shape(folder: Path, shape: dict[str, Any]) -> Path:
    """Write configuration and header of a shape into a folder; return the folder."""
    model = meta_model(shape)
    entries = {
        name: {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [0, 0]}
        for name, tensor in model.state_dict().items()
    }
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (folder / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    return folder
