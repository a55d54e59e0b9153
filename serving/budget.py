"""Bytes of models on devices: what is used where, and who must go for whom.

Arithmetic on names and places; nothing is loaded or closed here. Models may share parts, and a
model may lie on several devices, evenly.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from serving.devices import CONTEXT_BYTES, SPREAD, devices_of
from serving.estimate import estimate
from serving.spec import ModelSpec

Parts = Mapping[str, int]
"""Bytes of each thing that a model keeps in memory; models share what has the same key."""


class Spot(NamedTuple):
    """A model at a place: a device, or several joined by ``+``."""

    name: str
    place: str


def parts_of(spec: ModelSpec, *, own_process: bool = False) -> dict[str, int]:
    """Return the parts of a model on its device, its weights first, by estimate.

    Parameters
    ----------
    own_process : bool, default False
        Whether all weights have a process of their own, and so a context of their own on a card.

    Raises
    ------
    EngineError
        If its files cannot be read.
    """
    if spec.kind != "local":
        return {}
    on_card = spec.device.startswith("cuda")
    needed = estimate(spec, cuda=on_card)
    parts = {spec.weights_key(): needed.total - needed.adapter}
    if needed.adapter:
        parts[f"adapter of {spec.name}"] = needed.adapter
    devices = devices_of(spec.device)
    if on_card and (own_process or len(devices) > 1):
        # A spread model never shares the process of a single card.
        parts[f"context of {spec.weights_key()}"] = CONTEXT_BYTES * len(devices)
    return parts


class Budget:
    """How many bytes there are on each device, and how many each set of models takes."""

    def __init__(
        self, rooms: Mapping[str, int], measure: Callable[[ModelSpec], Parts] = parts_of
    ) -> None:
        self.rooms = dict(rooms)
        self._measure = measure
        self._keys: dict[Spot, tuple[str, ...]] = {}
        self._bytes: dict[tuple[str, str], int] = {}  # by place and key

    def read(self, spec: ModelSpec) -> Spot:
        """Get to know a model at its place; costs a look at its files the first time.

        Raises
        ------
        EngineError
            If its files cannot be read.
        """
        spot = Spot(spec.name, spec.device)
        if spot not in self._keys:
            parts = self._measure(spec)
            self._keys[spot] = tuple(parts)
            for key, size in parts.items():
                self._bytes.setdefault((spot.place, key), size)  # what was measured stays
        return spot

    def size(self, spot: Spot) -> int:
        """Return what a model takes by itself, on all its devices together."""
        return sum(self._bytes[spot.place, key] for key in self._keys[spot])

    def used(self, spots: Iterable[Spot]) -> Counter[str]:
        """Return what models take together on each device, every part once."""
        parts = {(spot.place, key) for spot in spots for key in self._keys[spot]}
        used: Counter[str] = Counter()
        for place, key in parts:
            devices = devices_of(place)
            spread = SPREAD if len(devices) > 1 else 1
            for device in devices:
                used[device] += ceil(self._bytes[place, key] / len(devices) * spread)
        return used

    def over(self, spots: Iterable[Spot], leaving: Mapping[str, int] | None = None) -> set[str]:
        """Return the devices on which models take more than there is."""
        used = self.used(spots) + Counter(leaving or {})
        return {device for device, size in used.items() if size > self.rooms.get(device, 0)}

    def victims(self, stay: Sequence[Spot], idle: Sequence[Spot]) -> list[Spot] | None:
        """Return who of the idle must go, the longest idle first; None if that is not enough."""
        left = list(idle)
        gone: list[Spot] = []
        over = self.over([*stay, *left])
        for spot in idle:
            if over & set(devices_of(spot.place)):
                left.remove(spot)
                gone.append(spot)
                over = self.over([*stay, *left])
        if over:
            return None
        for spot in reversed(gone[:-1]):  # who turned out not to be in the way after all
            if not self.over([*stay, *left, spot]):
                left.append(spot)
                gone.remove(spot)
        return gone

    def learn(self, spot: Spot, footprint: int) -> None:
        """Correct the estimate of a model's weights by what it was found to take."""
        if keys := self._keys[spot]:
            weights, *others = keys
            rest = sum(self._bytes[spot.place, key] for key in others)
            self._bytes[spot.place, weights] = footprint - rest
