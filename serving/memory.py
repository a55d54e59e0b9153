"""The models in memory: who was used last, who may leave, and what those that left still hold.

Memory is free only when its last owner is closed. Knows names, residents and bytes; who is let in
and who must go is decided by `serving.pool`.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from serving.budget import Budget, Spot
from serving.engine import EngineError
from serving.resident import Resident

log = logging.getLogger(__name__)


class Memory:
    """The memory of one machine; `freed` is called whenever somebody gave some back."""

    def __init__(self, budget: Budget, freed: Callable[[], None]) -> None:
        self._budget = budget
        self._freed = freed
        self._residents: OrderedDict[str, Resident] = OrderedDict()  # least recently used first
        self._leaving: Counter[str] = Counter()  # bytes of engines that are being closed
        self._closing: set[asyncio.Task[None]] = set()

    def __contains__(self, name: str) -> bool:
        """Tell whether a model is here, loaded or on its way."""
        return name in self._residents

    def __getitem__(self, name: str) -> Resident:
        """Return a model that is here."""
        return self._residents[name]

    def residents(self) -> tuple[tuple[str, Resident], ...]:
        """Return who is here now, least recently used first."""
        return tuple(self._residents.items())

    def places(self) -> dict[str, str]:
        """Return where models are, loaded or on their way."""
        return {name: resident.place for name, resident in self._residents.items()}

    def idle(self) -> list[str]:
        """Return who may leave, the longest idle first."""
        return [name for name, resident in self._residents.items() if resident.idle]

    def ill(self) -> dict[str, str]:
        """Return who cannot serve and is held, and why; else it is loaded again when wanted."""
        return {
            name: reason
            for name, resident in self._residents.items()
            if resident.users and not resident.lost and (reason := resident.illness)
        }

    def spots(self) -> list[Spot]:
        """Return who is here and where, as the budget knows them."""
        return [Spot(name, resident.place) for name, resident in self._residents.items()]

    def has_room(self, spots: Iterable[Spot]) -> bool:
        """Tell whether there is room for more, though others may still be leaving."""
        return not self._budget.over([*self.spots(), *spots], self._leaving)

    def admit(self, name: str, resident: Resident) -> None:
        """Let a model in."""
        self._residents[name] = resident

    def touch(self, name: str) -> None:
        """Note that a model is used."""
        self._residents.move_to_end(name)

    def evict(self, name: str) -> None:
        """Take a model out and close it; until then all that it holds counts, shared or not.

        Who shares its weights may be gone before it is: a load that fails takes a moment.
        """
        resident = self._residents.pop(name)
        self.dismiss(name, resident, self._budget.used([Spot(name, resident.place)]))

    def dismiss(self, name: str, resident: Resident, held: Counter[str] | None = None) -> None:
        """Close a model that is not here any more; what it held is free only then."""
        freed = held or Counter()
        self._leaving += freed
        task = asyncio.create_task(self._close(name, resident, freed), name=f"close {name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def drop_dead(self) -> None:
        """Take out what can serve nobody: it died beside others, and nobody says it is to blame."""
        for name, resident in self.residents():
            if resident.idle and (resident.lost or resident.illness):
                self.evict(name)
            elif resident.lost:
                del self._residents[name]  # who holds it lets it go, and nobody waits for that

    def shrink(self) -> None:
        """Close idle models where one turned out larger than its estimate."""
        idle = [spot for spot in self.spots() if self._residents[spot.name].idle]
        stay = [spot for spot in self.spots() if spot not in idle]
        for victim in self._budget.victims(stay, idle) or ():
            self.evict(victim.name)

    async def settled(self) -> None:
        """Wait until all who are leaving have left."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _close(self, name: str, resident: Resident, freed: Counter[str]) -> None:
        try:
            engine = await resident.loading
            await engine.close()
            log.info("%s: closed", name)
        except EngineError:
            pass  # it never came to be
        except Exception:
            log.exception("%s: could not be closed", name)  # nobody waits to hear of it
        finally:
            self._leaving -= freed
            self._freed()
