"""A checkpoint as its files describe it: its configuration, and the tensors that will be read.

The library reads one file of weights, or those that an index names: whatever other weights lie in
the folder (a second set in another layout) are none of the model's. Loads nothing; knows neither
quantization nor memory.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving.cache import HEADS, LAYERS, WIDTH, largest, text_of
from serving.contents import COPY, Shape, is_there, object_in, refusal, shapes_in, shown
from serving.engine import EngineError
from serving.folders import checkpoint_folder
from serving.spec import ModelSpec

CONFIG: Final = "config.json"
GENERATION: Final = "generation_config.json"
WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
CHOSEN: Final = "transformers_weights"  # what a configuration calls a file of another name
PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# What is counted with: whole numbers, or a list of them where each layer has its own.
COUNTS: Final = (
    *LAYERS,
    *HEADS,
    *WIDTH,
    "head_dim",
    "intermediate_size",
    "max_position_embeddings",
    "max_seq_len",
    "n_inner",
    "n_positions",
    "num_key_value_heads",
    "vocab_size",
)
# What must be said where tensors have such names: the library would take a number of its own. Few
# architectures say it in other words than those that are counted with.
TOLD_BY: Final = {
    (*LAYERS, "decoder_layers", "num_decoder_layers", "layers_block_type"): re.compile(
        r"\.(layers|h|blocks)\.\d+\."
    ),
    (*HEADS, "decoder_attention_heads", "num_decoder_attention_heads"): re.compile(
        r"\.(k_proj|c_attn|query_key_value|qkv_proj)\."
    ),
}
# A tensor of a layer: where the layers lie, its number among them, and what it is there.
LAYER: Final = re.compile(r"(\D*?\b(?:layers?|h|blocks)\.)(\d+)\.(.+)")
# What architectures call the most tokens that they were made for; MPT has a name of its own.
POSITIONS: Final = ("max_position_embeddings", "n_positions", "max_seq_len")
LARGEST: Final = 2**40
IDS: Final = 2**31  # of tokens; no vocabulary has so many
ELSEWHERE: Final = "copy it again, or correct the path"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a checkpoint lies and what its files say."""

    folder: Path
    config: Mapping[str, Any]
    shapes: Mapping[str, Shape]
    """Of every tensor that the library reads, by name."""


def read_checkpoint(spec: ModelSpec) -> Checkpoint:
    """Return what the files of a model's checkpoint say.

    Raises
    ------
    EngineError
        If it is not here, or one of its files cannot be what it should be; with the way out.
    """
    folder = checkpoint_folder(spec)
    try:
        config = configuration(folder)
        files = list(_weights(folder, config))
        shapes = {name: shape for file in files for name, shape in shapes_in(file).items()}
        _check_ends(folder, config)
        if not spec.trust_remote_code:  # code that comes with a checkpoint has words of its own
            _check_told(folder, config, shapes)
            _check_layers(folder, config, shapes)
    except EngineError as error:
        raise EngineError(error.kind, f"{spec.name}: {error.cause}") from error
    return Checkpoint(folder, config, shapes)


def configuration(folder: Path) -> dict[str, Any]:
    """Return the configuration of the checkpoint in a folder; what is counted with are numbers.

    Raises
    ------
    EngineError
        If there is none, or it cannot be.
    """
    file = folder / CONFIG
    if not is_there(file):
        raise refusal(f"{folder} has no {CONFIG}", ELSEWHERE)
    config = object_in(file)
    inner = config.get("text_config") or {}
    if not isinstance(inner, dict):
        raise refusal(f"{file} says text_config = {shown(inner)}, which is no object", COPY)
    for said in (config, inner):
        for key in COUNTS:
            if not _counts(value := said.get(key)):
                what = f"{file} says {key} = {shown(value)}, which is no whole number from 0 on"
                raise refusal(what, COPY)
    return config


def trained_tokens(config: Mapping[str, Any]) -> int | None:
    """Return the most tokens that a checkpoint was made for; None where it does not say."""
    return largest(config, *POSITIONS) or None


def _counts(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(one is not None and _counts(one) for one in value)
    if isinstance(value, bool):
        return False
    return value is None or (isinstance(value, int) and 0 <= value <= LARGEST)


def _check_ends(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse ends of a turn that are no ids of tokens."""
    own = folder / GENERATION
    for file, said in (folder / CONFIG, config), (own, object_in(own) if is_there(own) else {}):
        named = said.get("eos_token_id")
        ends = named if isinstance(named, list) else [named]
        if not all(end is None or (isinstance(end, int) and abs(end) < IDS) for end in ends):
            what = f"{file} says eos_token_id = {shown(named)}, which is no id of a token"
            raise refusal(what, f"write its number, or {COPY}")


def _check_told(folder: Path, config: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a configuration that leaves out what its tensors have."""
    if config.get("text_config"):  # there the library itself leaves out what it would take
        return
    for keys, pattern in TOLD_BY.items():
        said = any(config.get(key) for key in keys)
        if not said and (told := next(filter(pattern.search, names), None)):
            raise refusal(f"{folder / CONFIG} has no {keys[0]}, and there is a tensor {told}", COPY)


def _check_layers(folder: Path, config: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a configuration that says fewer layers than there are: the rest would be left out.

    What only guesses tokens ahead is no such layer: it has tensors that the others have not.
    """
    text = text_of(config)
    key = next((key for key in LAYERS if text.get(key)), LAYERS[0])
    said, found = largest(text, key), [*filter(None, map(LAYER.fullmatch, names))]
    if not said or len({tensor[1] for tensor in found}) != 1:  # or there are other towers
        return
    known = {tensor[3] for tensor in found if int(tensor[2]) < said}
    more = [tensor for tensor in found if int(tensor[2]) >= said]
    if more and all(tensor[3] in known for tensor in more):
        what = f"{folder / CONFIG} says {key} = {said}, and there is a tensor {more[0][0]}"
        raise refusal(what, f"correct it, or {COPY}")


def _weights(folder: Path, config: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files of weights that the library reads, as it chooses them."""
    chosen = config.get(CHOSEN)
    if chosen is not None and not isinstance(chosen, str):
        what = f"{folder / CONFIG} says {CHOSEN} = {shown(chosen)}, which is no name of a file"
        raise refusal(what, COPY)
    if chosen is None:
        chosen = next((name for name in (WEIGHTS, INDEX) if is_there(folder / name)), None)
    if chosen is None:
        raise _without_weights(folder)
    if not chosen.endswith(".index.json"):
        yield folder / chosen
        return
    for name in _shards(folder / chosen):
        if not is_there(folder / name):
            what = f"{folder / chosen} names {name}, which is not there"
            raise refusal(what, "copy or download the checkpoint again, whole")
        yield folder / name


def _shards(index: Path) -> list[str]:
    """Return the names of the files that an index puts together."""
    said = object_in(index)
    named = said.get("weight_map")
    names = list(named.values()) if isinstance(named, dict) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise refusal(f"{index} has no weight_map from tensors to files", COPY)
    if not isinstance(said.get("metadata"), dict):  # the library asks for it
        raise refusal(f"{index} has no metadata", f'{COPY}, or add "metadata": {{}} to it')
    return sorted(set(names))


def _without_weights(folder: Path) -> EngineError:
    if any(found for pattern in PICKLES for found in folder.glob(pattern)):
        what = f"{folder} holds pickled weights, which can run any code when read"
        return refusal(what, "convert them to safetensors")
    what = f"{folder} holds neither {WEIGHTS} nor {INDEX}"
    if others := sorted(file.name for file in folder.glob("*.safetensors")):
        way_out = "take it as transformers saves it, or correct the path"
        return refusal(f"{what}, and {others[0]} alone is not read", way_out)
    return refusal(what, ELSEWHERE)
