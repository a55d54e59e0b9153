"""The past: a restart goes on where the cycles stood, and shifts nothing for any model."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from arena.pairing.cycles import MOST_OWED, Cycles, Pair
from arena.pairing.past import Event, What, resumed

FOUR = ["ash", "elm", "oak", "pine"]


def played(cycles: Cycles, battles: int, models: list[str], seed: int = 0) -> list[Event]:
    source = random.Random(seed)  # noqa: S311 - a fixed draw
    past = []
    for _ in range(battles):
        pair = source.choice(cycles.open(models))
        cycles.take(pair)
        past += [Event(What.OPENED, *pair), Event(What.VOTED, *pair)]
    return past


def votes(past: list[Event]) -> Counter[Pair]:
    return Counter((x, y) for what, x, y in past if what is What.VOTED)


def joined(*models: str) -> list[Event]:
    return [Event(What.JOINED, model, model) for model in models]


@given(battles=st.integers(0, 40), seed=st.integers(0, 99))
def test_after_a_restart_the_same_pairs_are_open(battles: int, seed: int) -> None:
    cycles = Cycles(FOUR)
    past = joined(*FOUR) + played(cycles, battles, FOUR, seed)
    assert sorted(resumed(FOUR, past).open(FOUR)) == sorted(cycles.open(FOUR))


@settings(max_examples=15)
@given(each_day=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_new_model_joins_once_however_often_the_server_is_started(
    each_day: int, seed: int
) -> None:
    old = ["elm", "fir", "oak", "pine"]
    before = joined(*old) + played(Cycles(old), 45, old) + joined("ash")
    past: list[Event] = []
    while len(past) < 2 * 50:
        cycles = resumed(["ash", *old], before + past)
        past += played(cycles, each_day, ["ash", *old], seed + len(past))
    late = votes(past)
    assert len(late) == 10
    assert max(late.values()) - min(late.values()) <= 2  # old pairs first end the cycle before


@settings(max_examples=15)
@given(each_day=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_pair_that_is_behind_catches_up_however_often_the_server_is_started(
    each_day: int, seed: int
) -> None:
    past = joined(*FOUR) + played(Cycles(FOUR), 5 * 6, FOUR)
    lost = [past[-1][1:], past[-1][1:]]
    for x, y in lost:
        last = max(place for place, event in enumerate(past) if event == (What.VOTED, x, y))
        del past[last]
    for _ in range(20):
        past += played(resumed(FOUR, past), each_day, FOUR, seed + len(past))
    assert max(votes(past).values()) - min(votes(past).values()) <= 1


def test_what_a_model_missed_is_owed_once_and_not_at_each_start() -> None:
    past = joined(*FOUR) + played(Cycles(FOUR), 6, FOUR)
    cycles = resumed(FOUR, past)
    past += played(cycles, 3 * 20, FOUR[1:])  # twenty cycles without ash
    for _ in range(30):
        past += played(resumed(FOUR, past), 5, FOUR, len(past))
    behind = max(votes(past).values()) - min(votes(past).values())
    assert 20 - MOST_OWED - 1 <= behind <= 20 - MOST_OWED + 1


def test_a_pair_that_waits_for_its_votes_is_not_behind() -> None:
    three = [("ash", "elm"), ("ash", "oak"), ("elm", "oak")]
    drawn = [Event(What.OPENED, *pair) for pair in three]
    voted = [Event(What.VOTED, *pair) for pair in three]
    late = 3 * MOST_OWED * [*drawn, *voted[1:]] + 3 * MOST_OWED * voted[:1]
    still_open = resumed(FOUR[:3], [*joined(*FOUR[:3]), *late]).open(FOUR[:3])
    assert sorted(still_open) == three


def test_a_second_vote_on_a_pair_of_before_the_restart_begins_no_cycle() -> None:
    twice = [
        Event(What.OPENED, "ash", "elm"),  # the server ends, and the rater is still reading
        Event(What.OPENED, "ash", "elm"),
        Event(What.VOTED, "ash", "elm"),
        Event(What.VOTED, "ash", "elm"),
    ]
    still_open = resumed(FOUR, [*joined(*FOUR), *twice]).open(FOUR)
    assert len(still_open) == len(set(still_open)) == 5


def test_a_model_of_before_is_no_pair_of_the_roster() -> None:
    assert resumed([], []).open(["ash", "elm"]) == []
    assert len(resumed(["ash", "elm"], joined("elm")).open(["ash", "elm"])) == 1
