"""What memory each model of a roster needs, what fits together where, and what takes turns.

Reads files and loads nothing. The pool that will serve decides here too: `serving.placement` is
asked who may be in memory together, with the same estimates. What else a model lacks is known by
`arena.lacks`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Final

from arena.lacks import Lack, lack_of, lacks_of
from serving.budget import Budget, Spot, parts_of
from serving.devices import devices_of, roomiest
from serving.engine import EngineError, FailureKind
from serving.estimate import Estimate, estimate
from serving.folders import checkpoint_folder
from serving.placement import Placement
from serving.shelf import Shelf, keeps
from serving.spec import ModelSpec

NOTHING: Final = Estimate(0, 0)
PAIRS_TOLD: Final = 3  # of those that never fit together


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
    missing = {spec.name: list(lacks_of(spec)) for spec in specs}
    for spec in specs:
        try:
            placement.options(spec.name)
            plan = placement.plan([spec.name], places, [])
        except EngineError as error:
            missing[spec.name].append(_refused(spec, error))
            continue
        if plan is not None:
            places |= dict(plan.spots)
    whole = [spec for spec in specs if not missing[spec.name]]
    return Roster(
        tuple(_need(spec, rooms, places, missing[spec.name], specs) for spec in specs),
        rooms,
        budget.used(Spot(name, place) for name, place in places.items()),
        tuple(_apart(placement, whole)),
    )


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
    shares = (
        other.name
        for other in before
        if spec.kind == "local"
        and other.on(place).weights_key() == spec.on(place).weights_key()
        and places.get(other.name) == here
    )
    return Need(spec, needed, here, next(shares, None), kept, tuple(missing))


def _kept(spec: ModelSpec, *, cuda: bool) -> str:
    if spec.kind != "local" or not keeps(spec):
        return "-"
    shelf = Shelf.of(spec, checkpoint_folder(spec), cuda=cuda)
    if not shelf.filled:
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


def loaded_on(roster: Roster, device: str) -> list[str]:
    """Return the names of the local models that are loaded on a device at the start."""
    local = [need for need in roster.needs if need.spec.kind == "local" and need.place]
    return [need.spec.name for need in local if device in devices_of(str(need.place))]
