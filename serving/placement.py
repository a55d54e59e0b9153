"""Which model goes to which device, and who goes for it.

Pure decisions over a `Budget`: nothing waits, nothing is loaded. A model that names its device gets
it; the others go where nobody has to leave, or where who leaves was idle the longest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from serving.budget import Budget, Spot
from serving.devices import CPU, SPREAD, devices_of, gib
from serving.engine import EngineError, FailureKind
from serving.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """Where models go that are not in memory yet, and who leaves first."""

    spots: tuple[Spot, ...] = ()
    victims: tuple[Spot, ...] = ()


class Placement:
    """The decisions for a roster."""

    def __init__(self, budget: Budget, specs: Iterable[ModelSpec]) -> None:
        self._budget = budget
        self._specs = {spec.name: spec for spec in specs}
        self._cards = tuple(device for device in budget.rooms if device != CPU)

    def check(self, names: Sequence[str]) -> None:
        """Refuse models that cannot be in memory together even if nobody else is.

        Raises
        ------
        EngineError
            If they never fit, or one is unknown or cannot be measured.
        """
        unique = list(dict.fromkeys(names))
        if not self.fit(unique):
            sizes = [self._budget.size(self.options(name)[0]) for name in unique]
            raise EngineError(
                FailureKind.OUT_OF_MEMORY,
                f"{' and '.join(unique)} need {gib(sum(sizes))} together; {self._rooms()}",
            )

    def fit(self, names: Iterable[str]) -> bool:
        """Tell whether models fit together into empty devices.

        For a pair every choice of devices is tried; of more, each goes where most is left, the
        largest first.
        """
        sizes = {name: self._budget.size(self.options(name)[0]) for name in names}
        wanted = sorted(sizes, key=lambda name: (-sizes[name], name))
        taken: list[Spot] = []
        for name in wanted[:-2]:
            plan = self._best([name], taken, [])
            if plan is None:
                return False
            taken += plan.spots
        return self._best(wanted[-2:], taken, []) is not None

    def plan(
        self, names: Iterable[str], residents: Mapping[str, str], idle: Sequence[str]
    ) -> Plan | None:
        """Return how to bring models into memory together; None while others hold too much.

        Parameters
        ----------
        names : iterable of str
            Who must be in memory together.
        residents : mapping of name to place
            Who is there.
        idle : sequence of str
            Of these who may leave, the longest idle first.
        """
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if name not in residents]
        if not missing:
            return Plan()
        free = [name for name in idle if name not in wanted]
        plan = self._with(missing, residents, free)
        if plan is None and (movable := [name for name in wanted if name in idle]):
            # Where they lie they may be in each other's way: then they lie down anew.
            stay = {name: place for name, place in residents.items() if name not in movable}
            plan = self._with([*missing, *movable], stay, free)
            if plan is not None:
                moved = [Spot(name, residents[name]) for name in movable]
                plan = Plan(
                    tuple(spot for spot in plan.spots if spot not in moved),
                    (*plan.victims, *(spot for spot in moved if spot not in plan.spots)),
                )
        return plan

    def _with(
        self, missing: Sequence[str], residents: Mapping[str, str], free: Sequence[str]
    ) -> Plan | None:
        there = {
            name: self._budget.read(self._specs[name].on(place))
            for name, place in residents.items()
        }
        idle = [there.pop(name) for name in free]
        return self._best(missing, list(there.values()), idle)

    def options(self, name: str) -> list[Spot]:
        """Return where a model may go, by itself: single devices, or the fewest cards together.

        Raises
        ------
        EngineError
            If it is unknown, cannot be measured, or never fits.
        """
        if name not in self._specs:
            raise EngineError(FailureKind.BACKEND, f"there is no model named {name}")
        spec = self._specs[name]
        spots = [self._budget.read(spec.on(place)) for place in self._places(spec)]
        if fitting := [spot for spot in spots if not self._budget.over([spot])]:
            return fitting
        if spec.device in ("auto", "cuda") and (spread := self._spread(spec)):
            return [spread]
        raise EngineError(
            FailureKind.OUT_OF_MEMORY,
            f"{name} needs {gib(self._budget.size(spots[0]))}; {self._rooms()}",
        )

    def _places(self, spec: ModelSpec) -> tuple[str, ...]:
        if spec.device == "auto":
            return self._cards or (CPU,)
        wanted = self._cards if spec.device == "cuda" else (spec.device,)
        there = {device for place in wanted for device in devices_of(place)}
        if not wanted or not there <= self._budget.rooms.keys():
            raise EngineError(
                FailureKind.BACKEND,
                f"{spec.name}: device {spec.device} is not there; set device to auto, or to one "
                f"of {', '.join(self._budget.rooms)}",
            )
        return wanted

    def _spread(self, spec: ModelSpec) -> Spot | None:
        """Return the fewest cards, those with most room, that hold a model together."""
        largest = sorted(self._cards, key=lambda card: -self._budget.rooms[card])
        for number in range(2, len(largest) + 1):
            spot = self._budget.read(spec.on("+".join(sorted(largest[:number]))))
            if not self._budget.over([spot]):
                return spot
        return None

    def _best(
        self, missing: Sequence[str], stay: Sequence[Spot], idle: Sequence[Spot]
    ) -> Plan | None:
        """Return the choice of devices for which who leaves was idle the longest."""
        before = self._budget.used([*stay, *idle])
        best: tuple[tuple[float, ...], Plan] | None = None
        for spots in product(*(self.options(name) for name in missing)):
            victims = self._budget.victims([*stay, *spots], idle)
            if victims is None:
                continue
            used = self._budget.used(
                [*stay, *spots, *(spot for spot in idle if spot not in victims)]
            )
            added = used.total() - before.total()
            taken = [device for spot in spots for device in devices_of(spot.place)]
            fullness = sorted(used[device] - self._budget.rooms[device] for device in taken)[::-1]
            youngest = max((idle.index(victim) for victim in victims), default=-1)
            cost = (youngest, len(victims), added, *fullness)
            if best is None or cost < best[0]:
                best = cost, Plan(tuple(spots), tuple(victims))
        return None if best is None else best[1]

    def _rooms(self) -> str:
        there = [f"{gib(size)} on {device}" for device, size in self._budget.rooms.items()]
        if len(there) == 1:
            return f"the budget is {gib(next(iter(self._budget.rooms.values())))}"
        spread = f", and a model spread over cards needs {SPREAD:.0%} of an even share on each"
        return f"the budget is {' and '.join(there)}{spread if len(self._cards) > 1 else ''}"
