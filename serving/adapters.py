"""What the configuration of an adapter may say: plain LoRA, as `serving.lora` computes it.

A list of what is known to change nothing at inference; whatever else is set is refused, also what
PEFT invents later. It says "plain" of adapters that are not, too: some ways to initialize one take
its first value out of the base's weights, so that the same base is another one under each of them.
The same of its matrices, by their names and shapes alone. Reads without torch and PEFT: who serves
and who only looks ask the same questions.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from serving.contents import Shape, is_there, object_in, refusal, shapes_in, shown

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
LARGEST: Final = 2**40  # of a rank or alpha: infinity stands in some files
UNSAID: Final = 8  # what PEFT takes for a rank or alpha that a configuration leaves out
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
RETRY: Final = "save it again with PEFT, as LoRA on linear layers alone"
SAVED: Final = "set adapter to a folder as PEFT saved it"
BASE: Final = "name the checkpoint that it was trained on"
REPLACE: Final = "take an adapter of plain LoRA, or a server that knows this kind, by its url"


def adapter_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of the adapter in a folder.

    Raises
    ------
    EngineError
        If it cannot be read, or is more than plain LoRA; the message says what to do.
    """
    file = folder / CONFIG
    if not is_there(file):
        raise refusal(f"the adapter {folder} has no {CONFIG}", SAVED)
    config = object_in(file)
    if config.get("peft_type") != "LORA":
        raise refusal(f"{file} says no peft_type LORA", "take an adapter that is LoRA")
    for key, value in config.items():
        if (fault := _malformed(key, value)) is not None:
            raise refusal(f"{file} says {key} = {shown(value)}, which is {fault}", RETRY)
        if (way_out := _way_out(key, value)) is not None:
            said = f"{key} = {shown(value)}"
            raise refusal(f"{file} says {said}, which is more than plain LoRA", way_out)
    return config


def adapter_shapes(folder: Path) -> dict[str, Shape]:
    """Return the shape of every tensor of the adapter in a folder, by its name.

    Raises
    ------
    EngineError
        If they cannot be read; the message says what to do.
    """
    if not is_there(folder / WEIGHTS):
        way_out = f"copy it again, or save it with PEFT as {WEIGHTS}"
        raise refusal(f"the adapter {folder} has no {WEIGHTS}", way_out)
    return shapes_in(folder / WEIGHTS)


def adapter_layers(
    folder: Path, config: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> dict[str, tuple[Shape, Shape]]:
    """Return the shapes of the two matrices that an adapter puts beside each layer, by its name.

    Raises
    ------
    EngineError
        If they are more than plain LoRA; the message says what to do.
    """
    file, rank, rest, layers = folder / WEIGHTS, config.get("r", UNSAID), dict(shapes), {}
    for name in [key.removesuffix(DOWN) for key in shapes if key.endswith(DOWN)]:
        if name + UP not in rest:
            raise refusal(f"{file} has {name + DOWN} without its lora_B", RETRY)
        down, up = (rest.pop(name + end) for end in (DOWN, UP))
        if (down[:-1], up[1:]) != ((rank,), (rank,)):
            raise refusal(f"{file} has another rank than {CONFIG} (r = {rank}) at {name}", RETRY)
        layers[name.removeprefix(PREFIX)] = (down, up)
    if rest:
        raise refusal(f"{file} changes more than linear layers: {', '.join(sorted(rest))}", RETRY)
    if not layers:
        raise refusal(f"{file} changes no layer", RETRY)
    return layers


def check_fit(layers: Mapping[str, tuple[Shape, Shape]], base: Mapping[str, Shape]) -> None:
    """Refuse an adapter that was surely not trained on a checkpoint with these tensors.

    The library may give layers other names than files do. So a layer is missed only where others
    of its kind are there, by their names but for a number, or where none at all has its last name.

    Raises
    ------
    EngineError
        With the layer in its message.
    """
    kinds = {_kind(name) for name in base}
    words = {word for name in base for word in name.split(".")}
    if words.isdisjoint(layer.rpartition(".")[2] for layer in layers):
        what = f"the adapter changes {min(layers)}, and the checkpoint has nothing of that name"
        raise refusal(what, BASE)
    for layer, (down, up) in layers.items():
        weight = f"{layer}.weight"
        if weight not in base and _kind(weight) in kinds:
            raise refusal(f"the adapter changes {layer}, which the checkpoint has not", BASE)
        fits = ((up[0], down[1]), (down[1], up[0]))  # GPT-2 writes its matrices the other way round
        if (found := base.get(weight, fits[0])) not in fits:
            sizes = " x ".join(map(str, found))
            what = f"the adapter changes {layer} as {up[0]} x {down[1]}"
            raise refusal(f"{what}, and the checkpoint has it as {sizes}", BASE)


def _kind(name: str) -> str:
    return re.sub(r"\d+", "0", name)


def _malformed(key: str, value: object) -> str | None:
    """Return what a number of plain LoRA should be and is not; None where nothing is wrong."""
    if key not in {"r", "lora_alpha"}:
        return None
    kind, should = (int, "whole number") if key == "r" else (int | float, "number")
    if isinstance(value, kind) and not isinstance(value, bool) and 0 < value < LARGEST:
        return None
    return f"no {should} above 0"


def _way_out(key: str, value: object) -> str | None:
    """Return what to do about one setting; None where nothing is wrong with it."""
    if key == "bias":
        return None if value in ("none", None) else MERGE
    if key == "init_lora_weights":
        return _way_out_of(str(value).lower())
    if not value or key in USED | HARMLESS:
        return None
    return REPLACE if key in BY_TEXT else MERGE


def _way_out_of(start: str) -> str | None:
    if start in STARTS:
        return None
    return CONVERT if start.startswith(SHIFTED) else MERGE
