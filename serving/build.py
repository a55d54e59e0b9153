"""From specifications to engines; imports the libraries that a kind of model needs, and no other.

Blocks while a model loads, so it is called from a thread. Engines are made in this process or, if
asked for, in processes of their own, where a builder of the first kind makes them. Knows no memory
budget.
"""

import gc
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from serving.devices import CPU, DRIVERS
from serving.engine import Engine, EngineError
from serving.processes import Processes
from serving.spec import ModelSpec

if TYPE_CHECKING:
    from serving.local import LocalEngine
    from serving.weights import Weights

Apart = Literal["none", "device", "model"]
"""How engines are kept apart: not at all, a process for each device, or one for each model."""


def apart_of(asked: Literal["auto"] | Apart, specs: Iterable[ModelSpec]) -> Apart:
    """Return how engines are kept apart: as asked, else by device if one may be on a card.

    A failed kernel spoils its whole process, and a card is where kernels fail.
    """
    if asked != "auto":
        return asked
    may = any(spec.kind == "local" and spec.device != CPU for spec in specs)
    return "device" if may and any(driver.exists() for driver in DRIVERS) else "none"


class Builder:
    """Makes engines; models on the same weights share them while any of them lives."""

    def __init__(self, apart: Apart = "none") -> None:
        self._weights: dict[str, Weights] = {}
        self._lock = threading.Lock()
        self._processes = None if apart == "none" else Processes(by_model=apart == "model")

    def __call__(self, spec: ModelSpec) -> Engine:
        """Return a running engine for a specification.

        Raises
        ------
        EngineError
            If the model cannot be loaded; the message says what to mend.
        """
        if self._processes is not None and spec.kind != "remote":  # that one is elsewhere already
            return self._processes.load(spec)
        match spec.kind:
            case "scripted":
                from serving.scripted import ScriptedEngine  # noqa: PLC0415 -- only what is needed

                return ScriptedEngine(spec)
            case "remote":
                from serving.reach import reach  # noqa: PLC0415 -- heavy
                from serving.remote import RemoteEngine  # noqa: PLC0415 -- heavy

                reach(spec)
                return RemoteEngine(spec)
            case "local":
                return self._local(spec)

    def process(self, spec: ModelSpec) -> str:
        """Return which process a model of this machine is loaded in; this one has no name."""
        return "" if self._processes is None else self._processes.place(spec)

    def close(self) -> None:
        """End the processes of engines, if there are any; blocks until they are gone."""
        if self._processes is not None:
            self._processes.close()

    def kill(self) -> None:
        """End the processes of engines at once, whatever they do."""
        if self._processes is not None:
            self._processes.kill()

    def _local(self, spec: ModelSpec) -> "LocalEngine":
        """Return an engine of this process, or refuse it with nothing left in memory.

        An error holds the frames that it came through, and so the model in them, for as long as
        somebody keeps it: as long as the model rests.
        """
        from serving.weights import free_memory  # noqa: PLC0415 -- heavy

        try:
            return self._on_weights(spec)
        except EngineError as error:
            refused = error.kind, error.cause
        gc.collect()  # frames and errors hold each other
        free_memory()
        raise EngineError(*refused)

    def _on_weights(self, spec: ModelSpec) -> "LocalEngine":
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
