"""Classifiers find what is there, find nothing where nothing is, and do not cheat."""

import numpy as np
import pytest

from benchmarks.guessing import GUESSERS, Kinds, Rows, balanced, right


def drawn(seed: int, size: int = 200) -> tuple[Rows, Kinds, np.random.Generator]:
    source = np.random.default_rng(seed)
    return source.normal(size=(size, 12)), source.random(size) < 0.5, source


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_guessed_as_often_as_chance_does(seed: int) -> None:
    rows, kinds, source = drawn(seed)
    assert 0.36 < right(rows, kinds, source) < 0.64


def test_a_column_that_tells_is_found() -> None:
    rows, kinds, source = drawn(1)
    rows[:, 7] += 4.0 * kinds
    assert right(rows, kinds, source) > 0.9


def test_a_middle_that_tells_is_found_though_no_sum_does() -> None:
    rows, kinds, source = drawn(2, 400)
    rows[:, 3] = np.where(kinds, source.normal(0, 0.3, 400), source.choice([-2.0, 2.0], 400))
    assert right(rows, kinds, source) > 0.9


def test_the_rarer_kind_is_not_won_by_guessing_the_other() -> None:
    rows, _, source = drawn(3, 400)
    kinds = source.random(400) < 0.1
    assert right(rows, kinds, source) < 0.75
    chosen = balanced(kinds, source)
    assert kinds[chosen].mean() == 0.5
    assert len(set(chosen)) == len(chosen)


def test_too_few_battles_give_no_figure() -> None:
    rows, kinds, source = drawn(4, 12)
    assert np.isnan(right(rows, kinds, source))


@pytest.mark.parametrize("name", GUESSERS)
def test_each_learns_a_plain_difference_and_ignores_empty_columns(name: str) -> None:
    rows, kinds, _ = drawn(5)
    rows[:, 0] = 0.0
    rows[:, 1] = np.where(kinds, 3.0, -3.0)
    guessed = GUESSERS[name](rows[:150], kinds[:150], rows[150:])
    assert (guessed == kinds[150:]).mean() > 0.95
