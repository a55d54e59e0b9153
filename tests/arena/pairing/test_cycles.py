"""Cycles: every pair once before any pair twice, whatever is given back, missing or new."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from arena.pairing.cycles import Cycles, Pair, pair_of

FOUR = ["ash", "elm", "oak", "pine"]


def taken(cycles: Cycles, battles: int, models: list[str], seed: int = 0) -> list[Pair]:
    source = random.Random(seed)  # noqa: S311 - a fixed draw
    drawn = []
    for _ in range(battles):
        pair = source.choice(cycles.open(models))
        cycles.take(pair)
        drawn.append(pair)
    return drawn


def test_a_pair_has_no_order() -> None:
    assert pair_of("oak", "elm") == pair_of("elm", "oak") == ("elm", "oak")


@given(models=st.integers(2, 7), battles=st.integers(1, 90), seed=st.integers(0, 99))
def test_no_pair_is_ever_two_battles_ahead(models: int, battles: int, seed: int) -> None:
    names = [f"m{number}" for number in range(models)]
    drawn = taken(Cycles(names), battles, names, seed)
    counts = [drawn.count((x, y)) for x in names for y in names if x < y]
    assert max(counts) - min(counts) <= 1


def test_a_pair_given_back_comes_again_in_the_same_cycle() -> None:
    cycles = Cycles(FOUR)
    first, *_ = taken(cycles, 5, FOUR)
    cycles.give_back(first)
    assert set(taken(cycles, 2, FOUR)) >= {first}


def test_a_pair_given_back_after_its_cycle_comes_first() -> None:
    cycles = Cycles(FOUR)
    *_, last = taken(cycles, 6, FOUR)
    other = next(pair for pair in cycles.open(FOUR) if pair != last)
    cycles.take(other)
    cycles.give_back(last)
    assert cycles.open(FOUR) == [last]


def test_a_new_model_joins_at_the_next_cycle_and_is_not_made_up_for() -> None:
    old = ["elm", "oak", "pine", "yew", "fir"]
    cycles = Cycles(old)
    taken(cycles, 39, old)
    cycles.join("ash")
    assert len(cycles.open([*old, "ash"])) == 1
    taken(cycles, 1, [*old, "ash"])
    assert len(cycles.open([*old, "ash"])) == 15
    drawn = taken(cycles, 30, [*old, "ash"])
    assert {drawn.count(pair) for pair in drawn} == {2}


def test_pairs_have_one_order_whichever_model_joined_first() -> None:
    names = [f"m{number}" for number in range(9)]
    assert Cycles(names).open(names) == Cycles(reversed(names)).open(names)
    assert Cycles(names).open(names) == sorted(Cycles(names).open(names))


def test_pairs_that_have_come_too_often_do_not_end_the_draws() -> None:
    cycles = Cycles(FOUR)
    for _ in range(5):
        cycles.take(("ash", "elm"))
    assert cycles.open(["ash", "elm"]) == [("ash", "elm")]


def test_pairs_of_a_model_that_is_away_for_a_moment_are_not_lost() -> None:
    cycles = Cycles(FOUR)
    early = taken(cycles, 6, FOUR[1:])  # two cycles of three models: the fourth rests
    later = taken(cycles, 12, FOUR)
    assert set(Counter(early + later).values()) == {3}


@given(models=st.integers(5, 8), rest=st.floats(0.0, 0.05), seed=st.integers(0, 9999))
def test_short_rests_leave_the_pairs_balanced(models: int, rest: float, seed: int) -> None:
    names = [f"m{number}" for number in range(models)]
    source = random.Random(seed)  # noqa: S311 - a fixed draw
    cycles = Cycles(names)
    pairs = models * (models - 1) // 2
    drawn: list[Pair] = []
    for _ in range(10 * pairs):
        here = [name for name in names if source.random() >= rest]
        drawn += taken(cycles, 1, here if len(here) > 1 else names, source.randrange(9999))
    drawn += taken(cycles, 4 * pairs, names, seed)
    counts = Counter(drawn)
    assert len(counts) == pairs
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_model_that_was_away_for_long_makes_up_for_three_battles_a_pair_at_most() -> None:
    names = ["fir", *FOUR, "yew"]
    cycles = Cycles(names)
    before = Counter(taken(cycles, 10 * 10, names[:-1]))
    after = Counter(taken(cycles, 10 * 15, names))
    assert before["fir", "oak"] == 10
    owed = {pair: count for pair, count in after.items() if "yew" in pair}
    assert max(owed.values()) <= min(after.values()) + 4


def test_a_model_that_was_away_for_long_is_not_in_every_battle() -> None:
    names = ["fir", *FOUR, "yew"]
    longest = 0
    for seed in range(20):
        cycles = Cycles(names)
        taken(cycles, 10 * 10, names[:-1], seed)
        run = 0
        for pair in taken(cycles, 60, names, seed):
            run = run + 1 if "yew" in pair else 0
            longest = max(longest, run)
    assert longest < 2 * len(names)


def test_pairs_left_out_wait_for_the_next_cycle() -> None:
    cycles = Cycles(FOUR)
    assert len(cycles.open(FOUR)) == 6
    cycles.leave_out(cycles.pairs_with("ash"))
    assert not any("ash" in pair for pair in taken(cycles, 3, FOUR))
    assert sum("ash" in pair for pair in taken(cycles, 6, FOUR)) == 3


def test_one_model_has_no_pair_and_strangers_are_not_counted() -> None:
    cycles = Cycles(FOUR)
    cycles.take(("elm", "gone"))
    assert cycles.open(["elm", "gone"]) == []
    assert Cycles([]).open([]) == []
