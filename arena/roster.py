"""What each model of a roster needs, what is missing for it, and what fits together where.

Reads files and loads nothing. The pool that will serve decides here too: `serving.placement` is
asked who may be in memory together, with the same estimates.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from serving.adapters import adapter_config
from serving.budget import Budget, Seat, parts_of
from serving.devices import devices_of, roomiest
from serving.engine import EngineError, FailureKind
from serving.estimate import Estimate, estimate
from serving.folders import adapter_folder, checkpoint_folder
from serving.foreign import check_code
from serving.placement import Placement
from serving.prompt import template_fault, template_of
from serving.room import bytes_of, room_of, tokens_of
from serving.shelf import Shelf, keeps
from serving.spec import ModelSpec, Quantization

NOTHING: Final = Estimate(0, 0)
PAIRS_TOLD: Final = 3  # of those that never fit together
# As they are told with their values, the nearest to the mistake first.
NAMED: Final = ("adapter_revision", "revision", "device", "adapter", "chat_template")
SHORTEST: Final = bytes_of(["Why?"])  # bytes that a prompt takes at least


@dataclass(frozen=True)
class Lack:
    """What a model lacks: the field to look at (none where it is the whole table), a way out."""

    field: str
    what: str
    way_out: str


@dataclass(frozen=True)
class Need:
    """One model: its bytes, where it is loaded at the start, and what is missing."""

    spec: ModelSpec
    estimate: Estimate
    place: str | None
    """Device; None if it waits for its turn or can never be loaded."""
    beside: str | None
    """The model whose weights it shares."""
    kept: str
    """Whether its quantized weights are on disk already."""
    missing: tuple[Lack, ...]


@dataclass(frozen=True)
class Roster:
    """All models, the room there is, and the room that those loaded at the start take."""

    needs: tuple[Need, ...]
    rooms: Mapping[str, int]
    used: Mapping[str, int]
    apart: tuple[str, ...]
    """Sentences about models that can never be in memory at one time."""


def look_at(specs: Sequence[ModelSpec], rooms: Mapping[str, int], *, own: bool = False) -> Roster:
    """Return what a roster needs.

    Parameters
    ----------
    specs : sequence of ModelSpec
    rooms : mapping of device to bytes
    own : bool, default False
        Whether each model has a process of its own.
    """
    budget = Budget(rooms, partial(parts_of, own_process=own))
    placement = Placement(budget, specs)
    places: dict[str, str] = {}
    missing = {spec.name: list(_missing(spec)) for spec in specs}
    for spec in specs:
        try:
            placement.options(spec.name)
            plan = placement.plan([spec.name], places, [])
        except EngineError as error:
            missing[spec.name].append(_refused(spec, error))
            continue
        if plan is not None:
            places |= dict(plan.seats)
    whole = [spec for spec in specs if not missing[spec.name]]
    return Roster(
        tuple(_need(spec, rooms, places, missing[spec.name], specs) for spec in specs),
        rooms,
        budget.used(Seat(name, place) for name, place in places.items()),
        tuple(_apart(placement, whole)),
    )


def no_room(spec: ModelSpec) -> Lack | None:
    """Return what is wrong where a model has no room for a prompt.

    It bounds every conversation, whichever pair meets: with it nobody can send anything.
    """
    room = room_of([spec])
    if room >= SHORTEST:
        return None
    rest, system = f"{spec.output_tokens} of them are kept for a response", 0
    if spec.system_prompt is not None:
        system = bytes_of([spec.system_prompt])
        rest = f"{rest} and its system_prompt takes {system} bytes"
    what = (
        f"{spec.name} takes {tokens_of(spec)} tokens, and {rest}: room for {max(room, 0):.0f} "
        f"bytes of conversation, and a prompt takes at least {SHORTEST}"
    )
    way_out = "lower output_tokens, raise context_tokens, or leave the model out"
    if room + system >= SHORTEST:
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
    return next(_missing(spec), None)


def lack_of(spec: ModelSpec, cause: str) -> Lack:
    """Return what a model lacks by what was said when it was refused."""
    what, _, way_out = cause.removeprefix(f"{spec.name}: ").rpartition("; ")
    if not what:
        what, way_out = way_out, "correct its table in the roster"
    named = (field for field in NAMED if f"{field} {getattr(spec, field)}" in what)
    return Lack(next(named, "url" if spec.kind == "remote" else "checkpoint"), what, way_out)


def _refused(spec: ModelSpec, error: EngineError) -> Lack:
    if error.kind is FailureKind.OUT_OF_MEMORY:
        return Lack("", error.cause, "raise [pool] memory_gib, or quantize it")
    return lack_of(spec, error.cause)


def _need(
    spec: ModelSpec,
    rooms: Mapping[str, int],
    places: Mapping[str, str],
    missing: Iterable[Lack],
    specs: Sequence[ModelSpec],
) -> Need:
    place = places.get(spec.name) or roomiest(spec.device, rooms)[0]
    cuda = place.startswith("cuda")
    try:
        needed = estimate(spec, cuda=cuda)
        kept = _kept(spec, cuda=cuda)
    except EngineError:  # said among what is missing
        needed, kept = NOTHING, "-"
    here = places.get(spec.name)
    before = specs[: specs.index(spec)]
    shares = [
        other.name
        for other in before
        if spec.kind == "local"
        and other.on(place).weights_key() == spec.on(place).weights_key()
        and places.get(other.name) == here
    ]
    return Need(spec, needed, here, next(iter(shares), None), kept, tuple(missing))


def _kept(spec: ModelSpec, *, cuda: bool) -> str:
    if spec.kind != "local" or not keeps(spec):
        return "-"
    shelf = Shelf.of(spec, checkpoint_folder(spec), cuda=cuda)
    if not shelf.entry.exists():
        return "not yet"
    return "yes" if shelf.fault() is None else "broken, made again"


def _apart(placement: Placement, specs: Sequence[ModelSpec]) -> Iterator[str]:
    told = 0
    for one, two in combinations(specs, 2):
        try:
            placement.check([one.name, two.name])
        except EngineError as error:
            told += 1
            if told > PAIRS_TOLD:
                yield "and more pairs like these"
                return
            yield error.cause


def _missing(spec: ModelSpec) -> Iterator[Lack]:
    """Say what else a model lacks, apart from memory and readable weights."""
    if spec.kind == "remote" and spec.api_key_env and not os.environ.get(spec.api_key_env):
        what = f"the environment variable {spec.api_key_env} is not set"
        yield Lack("api_key_env", what, "set it, or correct api_key_env")
    if spec.kind != "local":
        return
    if spec.quantization is not Quantization.NONE and find_spec("bitsandbytes") is None:
        yield Lack("quantization", "bitsandbytes is not installed", "run `make install`")
    if spec.chat_template is not None:
        yield from _of_own_template(spec)
    with suppress(EngineError):  # said by the estimate
        if (adapter := adapter_folder(spec)) is not None:
            yield from _of_adapter(adapter)
    try:
        folder = checkpoint_folder(spec)
    except EngineError:
        return  # said by the estimate, as is what a folder of weights lacks
    if (folder / "config.json").is_file():
        yield from _of_checkpoint(spec, folder)


def _of_own_template(spec: ModelSpec) -> Iterator[Lack]:
    """Say what is wrong with the template that a roster sets."""
    try:
        fault = template_fault(template_of(spec) or "")
    except EngineError as error:
        yield lack_of(spec, f"{error.cause}; correct chat_template")
        return
    if fault is not None:
        yield Lack("chat_template", f"chat_template cannot be read ({fault})", "correct it")


def _of_checkpoint(spec: ModelSpec, folder: Path) -> Iterator[Lack]:
    config = _read(folder / "config.json")
    yield from _of_code(spec, folder, config)
    if quantized := config.get("quantization_config"):
        what = f"the checkpoint is quantized already ({quantized.get('quant_method')})"
        yield Lack("checkpoint", what, "take the one in full width")
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.is_file():
        what = "the checkpoint has no tokenizer.json"
        yield Lack("checkpoint", what, "save its tokenizer with transformers")
    elif not _read(tokenizer):
        yield Lack("checkpoint", f"{tokenizer} is no JSON", "copy it again")
    if spec.chat_template is None:
        yield from _of_template(folder)
    trained = config.get("max_position_embeddings") or config.get("n_positions")
    if trained is not None and (spec.context_tokens or 0) > trained:
        what = f"context_tokens {spec.context_tokens} is more than the {trained} it was made for"
        yield Lack("context_tokens", what, "lower it")


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
    template = _template(folder)
    if not template:
        yield Lack("checkpoint", "there is no chat template", "set chat_template")
    elif isinstance(template, str) and (fault := template_fault(template)) is not None:
        what = f"the checkpoint's chat template cannot be read ({fault})"
        yield Lack("checkpoint", what, "set chat_template")


def _template(folder: Path) -> object:
    """Return the template as it is written: a text, or several by name."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        files = ("chat_template.json", "tokenizer_config.json")
        found = [_read(folder / file).get("chat_template") for file in files]
        return next((template for template in found if template), None)


def _of_adapter(folder: Path) -> Iterator[Lack]:
    try:
        adapter_config(folder)
    except EngineError as error:
        what, _, way_out = error.cause.rpartition("; ")
        yield Lack("adapter", what, way_out)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def loaded_on(roster: Roster, device: str) -> list[str]:
    """Return the names of the local models that are loaded on a device at the start."""
    local = [need for need in roster.needs if need.spec.kind == "local" and need.place]
    return [need.spec.name for need in local if device in devices_of(str(need.place))]
