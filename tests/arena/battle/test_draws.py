"""Draws: pairs count while their battles run, come back when these end, and are told ahead."""

import random
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable
from dataclasses import dataclass, field

import pytest

from arena.battle.draws import LEFT_S, Draws
from arena.battle.failing import FAILURES
from arena.battle.responding import Sides
from arena.pairing.cycles import Pair
from serving.duet import Finished, Shown
from serving.engine import EngineError, FailureKind

BROKEN = EngineError(FailureKind.BACKEND, "ash: no number")
LATER = 1.0  # a turn that began after all that failed so far, on a clock that stands
ROSTER = {"ash": 1, "elm": 2, "oak": 3, "pine": 4}


@dataclass
class Models:
    """Models that are all there, and remember what was expected of them."""

    loaded: list[str] = field(default_factory=lambda: list(ROSTER))
    there: list[str] = field(default_factory=lambda: list(ROSTER))
    slots: int = 4
    expected: list[Collection[str]] = field(default_factory=list)
    left_alone: list[tuple[str, EngineError]] = field(default_factory=list)
    shared: set[str] = field(default_factory=set)

    def available(self) -> list[str]:
        return self.there

    def resident(self) -> list[str]:
        return self.loaded

    def fit(self, models: Collection[str]) -> bool:
        return len(models) <= self.slots

    def expect(self, models: Collection[str]) -> None:
        self.expected.append(models)

    async def wait_for_two(self, models: Collection[str]) -> None:
        assert set(models) == set(ROSTER)

    def leave_alone(self, model: str, error: EngineError, *, shared: bool) -> None:
        self.left_alone.append((model, error))
        self.shared |= {model} if shared else set()

    def respond(self, sides: Sides) -> AsyncGenerator[Shown | Finished]:
        raise NotImplementedError


@dataclass
class Clock:
    """Seconds that pass when they are told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def started(
    models: Models | None = None,
    past: Iterable[tuple[str, int, int]] = (),
    clock: Clock | None = None,
) -> Draws:
    draws = Draws(models or Models(), random.Random(0), clock or Clock())  # noqa: S311 - a fixed draw
    draws.start(ROSTER, past)
    return draws


def drawn(draws: Draws, battles: range) -> Counter[Pair]:
    return Counter(draws.draw(f"b{number}").pair for number in battles)


def test_battles_at_the_same_time_never_share_the_pairs_of_a_cycle() -> None:
    assert set(drawn(started(), range(6)).values()) == {1}


def test_a_battle_that_ends_without_a_vote_gives_its_pair_back_once() -> None:
    draws = started()
    first = draws.draw("first").pair
    drawn(draws, range(5))
    draws.give_back("first")
    draws.give_back("first")
    assert draws.draw("again").pair == first
    assert set(drawn(draws, range(10, 16)).values()) == {1}


def test_a_voted_pair_does_not_come_back() -> None:
    draws = started()
    first = draws.draw("first").pair
    draws.voted("first", first)
    draws.give_back("first")
    assert first not in drawn(draws, range(5))


def test_a_withdrawn_vote_gives_its_pair_back() -> None:
    draws = started()
    first = draws.draw("first").pair
    draws.voted("first", first)
    draws.withdrawn(first)
    assert drawn(draws, range(6))[first] == 1


def test_a_vote_from_before_a_restart_counts() -> None:
    draws = started()
    draws.voted("of before", ("ash", "elm"))
    assert ("ash", "elm") not in drawn(draws, range(5))


def test_the_votes_so_far_are_read_whichever_model_is_x() -> None:
    draws = started(past=[("voted", 1, 2), ("joined", 9, 9), ("voted", 4, 3), ("voted", 9, 1)])
    assert set(drawn(draws, range(4))).isdisjoint({("ash", "elm"), ("oak", "pine")})


def test_a_battle_left_for_long_gives_its_pair_back_and_counts_when_voted_on() -> None:
    clock = Clock()
    draws = started(clock=clock)
    left = draws.draw("left").pair
    clock.now = LEFT_S + 1
    assert drawn(draws, range(6))[left] == 1
    draws.voted("left", left)
    assert left not in drawn(draws, range(10, 15))


def test_a_model_that_keeps_failing_does_not_hold_up_the_cycle() -> None:
    draws, votes = started(), 0
    for number in range(60):
        battle = f"b{number}"
        pair = draws.draw(battle).pair
        if "ash" in pair:
            draws.failed(battle, {"ash": BROKEN}, began=LATER)
        else:
            draws.voted(battle, pair)
            votes += 1
    # Of its three pairs of six all were tried in the first cycle, and one in each after it.
    assert votes >= (60 - FAILURES - 1) * 3 // 4


def test_who_keeps_failing_is_left_alone_and_sits_out(caplog: pytest.LogCaptureFixture) -> None:
    models = Models()
    draws = started(models)
    for number in range(FAILURES):
        draws.failed(f"b{number}", {"ash": BROKEN}, began=LATER)
    assert (models.left_alone, models.shared) == ([("ash", BROKEN)], set())
    assert not any("ash" in pair for pair in drawn(draws, range(3)))
    assert caplog.messages == ["ash failed 3 times in a row and rests"]


def test_who_fails_alike_is_left_alone_together(caplog: pytest.LogCaptureFixture) -> None:
    models = Models()
    draws = started(models)
    for number in range(FAILURES):
        draws.failed(f"b{number}", dict.fromkeys(("ash", "elm"), BROKEN), began=LATER)
    models.there.remove("ash")  # it rests, and is counted no more
    draws.failed("c", dict.fromkeys(("oak", "pine"), BROKEN), began=LATER)
    assert [model for model, _ in models.left_alone] == ["ash", "elm", "elm"]
    assert models.shared == {"ash", "elm"}
    assert caplog.messages == [
        "ash, elm failed 3 times in a row alike, left alone for a while",
        "elm failed 4 times in a row alike, left alone for a while",
    ]


def test_after_each_turn_the_next_set_is_told() -> None:
    models = Models(slots=3)
    draws = started(models)
    draws.draw("first")
    draws.responded(["ash", "elm"])
    draws.draw("second")
    draws.failed("second", {}, began=LATER)
    assert [len(expected) for expected in models.expected] == [3, 3]
