"""From specifications to engines; imports the libraries that a kind of model needs, and no other.

Blocks while a model loads, so it is called from a thread. Knows no memory budget.
"""

import threading
from typing import TYPE_CHECKING

from serving.engine import Engine
from serving.spec import ModelSpec

if TYPE_CHECKING:
    from serving.local import LocalEngine
    from serving.weights import Weights


class Builder:
    """Makes engines; models on the same weights share them while any of them lives."""

    def __init__(self) -> None:
        self._weights: dict[str, Weights] = {}
        self._lock = threading.Lock()

    def __call__(self, spec: ModelSpec) -> Engine:
        """Return a running engine for a specification.

        Raises
        ------
        EngineError
            If the model cannot be loaded; the message says what to mend.
        """
        match spec.kind:
            case "scripted":
                from serving.scripted import ScriptedEngine  # noqa: PLC0415 -- only what is needed

                return ScriptedEngine(spec)
            case "remote":
                from serving.remote import RemoteEngine  # noqa: PLC0415 -- heavy

                return RemoteEngine(spec)
            case "local":
                return self._local(spec)

    def _local(self, spec: ModelSpec) -> "LocalEngine":
        from serving.local import LocalEngine  # noqa: PLC0415 -- heavy
        from serving.weights import Weights  # noqa: PLC0415 -- heavy

        key = spec.weights_key()
        with self._lock:
            weights = self._weights.get(key)
            if weights is None:
                weights = self._weights[key] = Weights(spec)
            try:
                return LocalEngine(spec, weights, lambda: self._leave(key, weights, spec.name))
            except BaseException:
                if self._weights.get(key) is weights and weights.leave(spec.name):
                    del self._weights[key]
                    weights.stop()
                raise

    def _leave(self, key: str, weights: "Weights", name: str) -> bool:
        """Take a model off its weights; return whether they are of no more use."""
        with self._lock:  # held while a model loads, so this is called from a thread too
            last = weights.leave(name)
            if last and self._weights.get(key) is weights:
                del self._weights[key]
            return last
