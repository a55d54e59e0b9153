"""Who is in memory: in which order they were used, and when what they held is free."""

import asyncio
from collections.abc import Mapping

import pytest

from serving.budget import Budget, Parts, Spot
from serving.engine import Engine
from serving.memory import Memory
from serving.resident import Resident
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec


class Slow(ScriptedEngine):
    """Closes when it is let."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.may_close = asyncio.Event()
        self.lost = False
        self.illness: str | None = None
        self.fault: Exception | None = None

    def health(self) -> str | None:
        return self.illness

    async def close(self) -> None:
        await self.may_close.wait()
        if self.fault is not None:
            raise self.fault


class House:
    """A memory of two bytes for models of one."""

    def __init__(self, parts: Mapping[str, Parts] | None = None) -> None:
        parts = parts or {}
        self.freed = 0
        self.budget = Budget({"cpu": 2}, lambda spec: parts.get(spec.name, {spec.name: 1}))
        self.memory = Memory(self.budget, self._note)
        self.engines: dict[str, Slow] = {}

    def _note(self) -> None:
        self.freed += 1

    def spot(self, name: str) -> Spot:
        return self.budget.read(ModelSpec(name=name, kind="scripted", device="cpu"))

    async def admit(self, name: str) -> Resident:
        engine = self.engines[name] = Slow(ModelSpec(name=name, kind="scripted"))

        async def load() -> Engine:
            return engine

        resident = Resident(self.spot(name).place, asyncio.create_task(load()))
        await resident.loading
        self.memory.admit(name, resident)
        return resident

    def names(self) -> list[str]:
        return [name for name, _ in self.memory.residents()]


@pytest.fixture
async def house() -> House:
    """Return a house in which two models fill all memory."""
    house = House()
    for name in "ab":
        await house.admit(name)
    return house


async def test_who_was_used_last_is_the_last_to_leave(house: House) -> None:
    house.memory.touch("a")
    assert house.memory.idle() == ["b", "a"]
    house.memory["b"].users = 1
    assert house.memory.idle() == ["a"]


async def test_memory_is_free_only_when_its_owner_is_closed(house: House) -> None:
    house.memory.evict("a")
    assert (house.names(), house.memory.has_room([house.spot("c")])) == (["b"], False)
    house.engines["a"].may_close.set()
    await house.memory.settled()
    assert house.memory.has_room([house.spot("c")])
    assert house.freed == 1


async def test_who_cannot_be_closed_is_told_in_the_log_and_counts_no_longer(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.engines["a"].fault = RuntimeError("spoilt")
    house.engines["a"].may_close.set()
    house.memory.evict("a")
    await house.memory.settled()
    assert house.memory.has_room([house.spot("c")])
    assert "a: could not be closed" in caplog.text
    assert "spoilt" in caplog.text


@pytest.mark.parametrize(
    ("lost", "users", "closed"),
    [
        pytest.param(True, 0, True, id="a dead one that nobody holds is closed"),
        pytest.param(False, 0, True, id="so is one that only rests"),
        pytest.param(True, 1, False, id="a dead one is closed by who holds it"),
    ],
)
async def test_who_can_serve_nobody_is_taken_out(
    house: House, users: int, *, lost: bool, closed: bool
) -> None:
    house.engines["a"].illness, house.engines["a"].lost = "died", lost
    house.memory["a"].users = users
    house.engines["a"].may_close.set()
    house.memory.drop_dead()
    await house.memory.settled()
    assert (house.names(), house.freed) == (["b"], int(closed))


async def test_one_that_rests_and_is_held_stays(house: House) -> None:
    house.engines["a"].illness = "rests"
    house.memory["a"].users = 1
    house.memory.drop_dead()
    assert house.names() == ["a", "b"]


async def test_where_one_turned_out_larger_the_longest_idle_goes(house: House) -> None:
    house.budget.learn(house.spot("b"), 2)
    house.memory.touch("a")
    house.memory["b"].users = 1
    house.memory.shrink()
    assert house.names() == ["b"]
    house.engines["a"].may_close.set()
    await house.memory.settled()


async def test_shared_weights_are_not_free_while_one_of_their_users_still_leaves() -> None:
    house = House({"a": {"weights": 1}, "b": {"weights": 1}, "c": {"c": 2}})
    for name in "ab":
        await house.admit(name)
    house.engines["b"].may_close.set()
    house.memory.evict("a")
    house.memory.evict("b")
    for _ in range(3):
        await asyncio.sleep(0)
    assert house.freed == 1
    assert not house.memory.has_room([house.spot("c")])
    house.engines["a"].may_close.set()
    await house.memory.settled()
    assert house.memory.has_room([house.spot("c")])
