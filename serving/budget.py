"""Bytes of models that may share parts: what is used, and what one more would add.

Arithmetic on names; nothing is loaded or closed here.
"""

from collections.abc import Callable, Iterable, Mapping

from serving.estimate import estimate
from serving.spec import ModelSpec

Parts = Mapping[str, int]
"""Bytes of each thing that a model keeps in memory; models share what has the same key."""


def parts_of(spec: ModelSpec) -> dict[str, int]:
    """Return the parts of a model, its weights first, by estimate.

    Raises
    ------
    EngineError
        If its files cannot be read.
    """
    if spec.kind != "local":
        return {}
    needed = estimate(spec)
    parts = {spec.weights_key(): needed.weights + needed.cache}
    if needed.adapter:
        parts[f"adapter of {spec.name}"] = needed.adapter
    return parts


class Budget:
    """How many bytes there are, and how many each set of models takes."""

    def __init__(self, total: int, measure: Callable[[ModelSpec], Parts] = parts_of) -> None:
        self.total = total
        self._measure = measure
        self._keys: dict[str, tuple[str, ...]] = {}
        self._bytes: dict[str, int] = {}

    def read(self, spec: ModelSpec) -> None:
        """Get to know a model; costs a look at its files the first time."""
        if spec.name not in self._keys:
            parts = self._measure(spec)
            self._keys[spec.name] = tuple(parts)
            self._bytes = {**parts, **self._bytes}  # what was measured stays

    def used(self, names: Iterable[str]) -> int:
        """Return what models take together, every part once."""
        keys = {key for name in names for key in self._keys[name]}
        return sum(self._bytes[key] for key in keys)

    def learn(self, name: str, footprint: int) -> None:
        """Correct the estimate of a model's weights by what it was found to take."""
        if self._keys[name]:
            weights, *others = self._keys[name]
            self._bytes[weights] = footprint - sum(self._bytes[key] for key in others)
