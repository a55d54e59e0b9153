"""A store on a fresh file, and the few rows that a vote stands on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from arena.record.entering import NewBattle, NewItem, NewResponse
from arena.record.store import Store


@dataclass
class Clock:
    """A clock that moves only when it is told to; microseconds."""

    now: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = Store(tmp_path / "arena.db", clock)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Opened:
    """A battle that is ready for a vote."""

    battle: str
    rater: str = "ada"


async def open_battle(
    store: Store,
    name: str = "b1",
    *,
    rater: str = "ada",
    ready: bool = True,
    reveals: bool = True,
    x_sits_at_a: bool = True,
    against: str = "oak",
) -> Opened:
    x = await store.know_model("pine", "f1", "nf4", {})
    y = await store.know_model(against, "f2", "int8", {})
    await store.know_rater(rater)
    await store.open_battle(
        NewItem(f"item-{name}", x, y, "Is a bat a mammal?", "en"),
        NewBattle(name, f"item-{name}", rater, x_sits_at_a, reveals, "paced", 1.0),
    )
    if ready:
        await store.save_responses(f"item-{name}", 0, responses(x, y))
    return Opened(name, rater)


def responses(x: int, y: int) -> list[NewResponse]:
    return [
        NewResponse("x", x, "Yes.", "stop", 2, 0.2, 0.1, 7),
        NewResponse("y", y, "No, a bird.", "length", 5, 0.4, 0.1, 8),
    ]
