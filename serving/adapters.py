"""What the configuration of an adapter may say: plain LoRA, as `serving.lora` computes it.

A list of what is known to change nothing at inference; whatever else is set is refused, also what
PEFT invents later. It says "plain" of adapters that are not, too: some ways to initialize one take
its first value out of the base's weights, so that the same base is another one under each of them.
Reads one file, with neither torch nor PEFT: who serves and who only looks ask the same question.
"""

import json
from pathlib import Path
from typing import Any, Final

from serving.engine import EngineError, FailureKind

CONFIG: Final = "adapter_config.json"
# What the arithmetic uses; its values are looked at one by one.
USED: Final = frozenset({"peft_type", "r", "lora_alpha", "use_rslora", "bias", "init_lora_weights"})
# What only says where matrices were put (they carry their layers' names themselves), how they were
# trained, or where the base was found.
HARMLESS: Final = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "corda_config",
        "eva_config",
        "exclude_modules",
        "fan_in_fan_out",  # asked when an adapter is merged, not when it runs beside its layer
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_dropout",
        "lora_ga_config",
        "megatron_core",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
    }
)
# Ways to initialize an adapter that leave the base as it is.
STARTS: Final = frozenset({"eva", "false", "gaussian", "mica", "none", "orthogonal", "true"})
# Ways that take something out of the base, and for which PEFT has a way back.
SHIFTED: Final = ("corda", "lora_ga", "olora", "pissa")
# What cannot be merged: it depends on the text.
BY_TEXT: Final = frozenset({"alora_invocation_tokens", "arrow_config"})

CONVERT: Final = (
    "save it as plain LoRA with PEFT's "
    "save_pretrained(..., path_initial_model_for_weight_conversion=...)"
)
MERGE: Final = (
    "merge it into its base with PEFT's merge_and_unload and set the result as checkpoint"
)
RETRY: Final = "save it again with PEFT"
REPLACE: Final = "take an adapter of plain LoRA, or a server that knows this kind, by its url"


def adapter_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of the adapter in a folder.

    Raises
    ------
    EngineError
        If it cannot be read, or is more than plain LoRA; the message says what to do.
    """
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        cause = f"the adapter {folder} has no {CONFIG}"
        raise refusal(cause, "set adapter to a folder as PEFT saved it") from error
    except (OSError, ValueError) as error:
        cause = f"the adapter {folder} cannot be read: {error}"
        raise refusal(cause, "set adapter to a folder as PEFT saved it") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise refusal(f"{file} says no peft_type LORA", "take an adapter that is LoRA")
    for key, value in config.items():
        if (way_out := _way_out(key, value)) is not None:
            said = f"{key} = {json.dumps(value):.80}"
            raise refusal(f"{file} says {said}, which is more than plain LoRA", way_out)
    return config


def refusal(cause: str, way_out: str) -> EngineError:
    """Return the error that refuses an adapter."""
    return EngineError(FailureKind.BACKEND, f"{cause}; {way_out}")


def _way_out(key: str, value: object) -> str | None:
    """Return what to do about one setting; None where nothing is wrong with it."""
    if key == "bias":
        return None if value in ("none", None) else MERGE
    if key in {"r", "lora_alpha"}:
        return None if isinstance(value, int | float) and value > 0 else RETRY
    if key == "init_lora_weights":
        return _way_out_of(str(value).lower())
    if not value or key in USED | HARMLESS:
        return None
    return REPLACE if key in BY_TEXT else MERGE


def _way_out_of(start: str) -> str | None:
    if start in STARTS:
        return None
    return CONVERT if start.startswith(SHIFTED) else MERGE
