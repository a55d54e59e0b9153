"""What a model lacks, as far as its files and settings say: the field, what is wrong, a way out.

Reads files and loads nothing. What memory a model needs, and what fits beside it, is known by
`arena.roster`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from serving.adapters import adapter_config, adapter_layers, adapter_shapes, check_fit
from serving.bound import bound_of, bytes_of, tokens_of
from serving.checkpoint import configuration, read_checkpoint, trained_tokens
from serving.contents import COPY, is_there, object_in
from serving.engine import EngineError
from serving.estimate import estimate
from serving.folders import adapter_folder, checkpoint_folder
from serving.foreign import check_code
from serving.prompt import template_fault, template_of
from serving.spec import ModelSpec, Quantization

# As they are told with their values, the nearest to the mistake first.
NAMED: Final = ("adapter_revision", "revision", "device", "adapter", "chat_template")
OWN_TEMPLATE: Final = "chat_template.jinja"
SHORTEST: Final = bytes_of(["Why?"])  # bytes that a prompt takes at least


@dataclass(frozen=True)
class Lack:
    """What a model lacks: the field to look at (none where it is the whole table), a way out."""

    field: str
    what: str
    way_out: str


def no_room(spec: ModelSpec) -> Lack | None:
    """Return what is wrong where a model has no room for a prompt.

    It bounds every conversation, whichever pair meets: with it nobody can send anything.
    """
    bound = bound_of([spec])
    if bound >= SHORTEST:
        return None
    rest, system = f"{spec.output_tokens} of them are kept for a response", 0
    if spec.system_prompt is not None:
        system = bytes_of([spec.system_prompt])
        rest = f"{rest} and its system_prompt takes {system} bytes"
    what = (
        f"{spec.name} takes {tokens_of(spec)} tokens, and {rest}: room for {max(bound, 0):.0f} "
        f"bytes of conversation, and a prompt takes at least {SHORTEST}"
    )
    way_out = "lower output_tokens, raise context_tokens, or leave the model out"
    if bound + system >= SHORTEST:
        return Lack("system_prompt", what, f"shorten system_prompt, {way_out}")
    return Lack("output_tokens", what, way_out)


def lack_in_files(spec: ModelSpec) -> Lack | None:
    """Return why a model cannot be loaded, as far as its files say: no rest mends that."""
    if spec.kind != "local":
        return None
    try:
        estimate(spec)
    except EngineError as error:
        return lack_of(spec, error.cause)
    return next(lacks_of(spec), None)


def lack_of(spec: ModelSpec, cause: str) -> Lack:
    """Return what a model lacks by what was said when it was refused."""
    what, _, way_out = cause.removeprefix(f"{spec.name}: ").rpartition("; ")
    if not what:
        what, way_out = way_out, "correct its table in the roster"
    told = f"{what} {what.replace(' folder ', ' ')}"  # "adapter folder X", too
    named = (field for field in NAMED if f"{field} {getattr(spec, field)}" in told)
    return Lack(next(named, "url" if spec.kind == "remote" else "checkpoint"), what, way_out)


def lacks_of(spec: ModelSpec) -> Iterator[Lack]:
    """Yield what a model lacks, apart from memory and readable weights."""
    if spec.kind == "remote" and spec.api_key_env and not os.environ.get(spec.api_key_env):
        what = f"the environment variable {spec.api_key_env} is not set"
        yield Lack("api_key_env", what, "set it, or correct api_key_env")
    if spec.kind != "local":
        return
    if spec.quantization is not Quantization.NONE and find_spec("bitsandbytes") is None:
        yield Lack("quantization", "bitsandbytes is not installed", "run `make install`")
    if spec.chat_template is not None:
        yield from _of_own_template(spec)
    with suppress(EngineError):  # what cannot be found or read is said by the estimate
        if (adapter := adapter_folder(spec)) is not None:
            yield from _of_adapter(spec, adapter)
    with suppress(EngineError):
        folder = checkpoint_folder(spec)
        yield from _of_checkpoint(spec, folder, configuration(folder))


def _of_own_template(spec: ModelSpec) -> Iterator[Lack]:
    """Say what is wrong with the template that a roster sets."""
    try:
        fault = template_fault(template_of(spec) or "")
    except EngineError as error:
        yield lack_of(spec, f"{error.cause}; correct chat_template")
        return
    if fault is not None:
        yield Lack("chat_template", f"chat_template cannot be read ({fault})", "correct it")


def _of_checkpoint(spec: ModelSpec, folder: Path, config: Mapping[str, Any]) -> Iterator[Lack]:
    yield from _of_code(spec, folder, config)
    if quantized := config.get("quantization_config"):
        method = quantized.get("quant_method") if isinstance(quantized, dict) else quantized
        what = f"the checkpoint is quantized already ({method})"
        yield Lack("checkpoint", what, "take the one in full width")
    yield from _of_tokenizer(folder / "tokenizer.json")
    if spec.chat_template is None:
        yield from _of_template(folder)
    trained = trained_tokens(config)
    if trained is not None and (spec.context_tokens or 0) > trained:
        what = f"context_tokens {spec.context_tokens} is more than the {trained} it was made for"
        yield Lack("context_tokens", what, "lower it")


def _of_tokenizer(file: Path) -> Iterator[Lack]:
    if not is_there(file):
        what = "the checkpoint has no tokenizer.json"
        yield Lack("checkpoint", what, "save its tokenizer with transformers")
        return
    try:
        model = object_in(file).get("model")
    except EngineError as error:
        yield _lack("checkpoint", error)
    else:
        if not isinstance(model, dict):  # the library cannot do without
            yield Lack("checkpoint", f"{file} describes no tokenizer", COPY)


def _of_code(spec: ModelSpec, folder: Path, config: Mapping[str, Any]) -> Iterator[Lack]:
    """Say what keeps the code that a checkpoint needs from being run."""
    if spec.trust_remote_code:
        try:
            check_code(spec.name, folder)
        except EngineError as error:
            yield lack_of(spec, error.cause)
    elif "auto_map" in config:
        yield Lack(
            "checkpoint",
            "the checkpoint brings code of its own",
            "if you trust it, set trust_remote_code, and revision where it is a name on the hub",
        )


def _of_template(folder: Path) -> Iterator[Lack]:
    """Say what is wrong with the template that a checkpoint brings."""
    try:
        template = _template(folder)
    except UnicodeDecodeError as error:
        what = f"{folder / OWN_TEMPLATE}: byte {error.start + 1} is not UTF-8"
        yield Lack("checkpoint", what, f"{COPY}, or set chat_template")
        return
    if not template:
        yield Lack("checkpoint", "there is no chat template", "set chat_template")
    elif isinstance(template, str) and (fault := template_fault(template)) is not None:
        what = f"the checkpoint's chat template cannot be read ({fault})"
        yield Lack("checkpoint", what, "set chat_template")


def _template(folder: Path) -> object:
    """Return the template as it is written: a text, or several by name."""
    try:
        return (folder / OWN_TEMPLATE).read_text(encoding="utf-8")
    except OSError:
        files = ("chat_template.json", "tokenizer_config.json")
        found = [_read(folder / file).get("chat_template") for file in files]
        return next((template for template in found if template), None)


def _of_adapter(spec: ModelSpec, folder: Path) -> Iterator[Lack]:
    """Say what is wrong with an adapter, by itself and on its base."""
    try:
        config = adapter_config(folder)
    except EngineError as error:
        yield _lack("adapter", error)
        return
    shapes, base = adapter_shapes(folder), read_checkpoint(spec).shapes
    try:
        check_fit(adapter_layers(folder, config, shapes), base)
    except EngineError as error:
        yield _lack("adapter", error)


def _lack(field: str, error: EngineError) -> Lack:
    what, _, way_out = error.cause.rpartition("; ")
    return Lack(field, what, way_out)


def _read(file: Path) -> dict[str, Any]:
    """Return what a file says that need not be there."""
    try:
        return object_in(file)
    except EngineError:
        return {}
