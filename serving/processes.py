"""Which process a model lives in: one for each device, or one for each copy of weights.

Processes are started when the first model needs one. Knows no budget; a dead process is replaced
when the next model is loaded, and who loads it when is decided by `serving.pool`.
"""

import threading
from dataclasses import dataclass

from serving.away import AwayEngine
from serving.engine import EngineError, FailureKind
from serving.process import EngineProcess
from serving.spec import ModelSpec


@dataclass(slots=True, eq=False)
class _House:
    process: EngineProcess
    names: set[str]  # of all that ever lived there: who has left may have spoilt it
    models: int = 0


class Processes:
    """The processes of one builder."""

    def __init__(self, *, by_model: bool, module: str = "serving.child") -> None:
        self._by_model = by_model
        self._module = module
        self._houses: dict[str, _House] = {}
        self._lock = threading.Lock()
        self._closed = False

    def place(self, spec: ModelSpec) -> str:
        """Return which process a model belongs in: models of one place share it."""
        return spec.weights_key() if self._by_model else spec.device

    def load(self, spec: ModelSpec) -> AwayEngine:
        """Return an engine in the process where it belongs; blocks while the model loads.

        Raises
        ------
        EngineError
            If the model cannot be loaded.
        """
        place = self.place(spec)
        house = self._enter(place, spec)
        try:
            return AwayEngine(spec, house.process, lambda: self._leave(place, house))
        except BaseException:
            self._leave(place, house)
            raise

    def close(self) -> None:
        """End all processes at one time, and start no more; blocks until they are gone."""
        with self._lock:
            self._closed = True
            houses = list(self._houses.values())
        threads = [threading.Thread(target=house.process.end, daemon=True) for house in houses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def kill(self) -> None:
        """End all processes at once; does not block, so that it can be called while they end."""
        self._closed = True
        for house in list(self._houses.values()):
            house.process.kill()

    def _enter(self, place: str, spec: ModelSpec) -> _House:
        with self._lock:
            if self._closed:
                raise EngineError(FailureKind.CANCELLED, f"{spec.name}: not loaded: all is closed")
            house = self._houses.get(place)
            if house is None or house.process.death is not None:
                label, shared = (spec.name, False) if self._by_model else (place, True)
                process = EngineProcess(label, module=self._module, shared=shared)
                house = self._houses[place] = _House(process, {spec.name})
            elif self._by_model and spec.name not in house.names:
                house.names.add(spec.name)
                house.process.share(spec.name)
            house.models += 1
            return house

    def _leave(self, place: str, house: _House) -> None:
        """Take a model out; a process of one model ends with it, that of a device stays warm."""
        with self._lock:
            house.models -= 1
            if house.models or not self._by_model or self._houses.get(place) is not house:
                return
            del self._houses[place]
        house.process.end()
