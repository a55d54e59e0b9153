"""Luck: chances counted vote by vote, and the normal ones where there are very many."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtr
from scipy.stats import binom

from ratings.luck import tails


def one(sure: float, votes: float, expected: float, dispersion: float = 1.0) -> float:
    found = tails(np.array([sure]), np.array([votes]), np.array([expected]), dispersion)
    return float(found[0])


def test_a_win_against_the_odds_is_as_rare_as_the_odds_say() -> None:
    """One win at 2 %: 7 standard deviations, and half of 0.02."""
    sure = 0.98 / np.sqrt(0.02 * 0.98)
    assert one(sure, 1, 0.02) == pytest.approx(0.01)
    assert one(-sure, 1, 0.98) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("wins", "votes", "chance"), [(9, 10, 0.5), (4, 30, 0.03), (21, 200, 0.05)]
)
def test_without_ties_it_is_the_binomial_distribution(wins: int, votes: int, chance: float) -> None:
    sure = (wins - votes * chance) / np.sqrt(votes * chance * (1 - chance))
    expected = binom.sf(wins, votes, chance) + binom.pmf(wins, votes, chance) / 2
    assert one(sure, votes, chance) == pytest.approx(max(expected, ndtr(-sure)))


def test_with_ties_it_is_the_sum_over_all_that_may_be_said() -> None:
    """Four votes at 0.3 with ties as a dispersion of 0.7 asks for, 252 in 1,000: by hand."""
    share = {1.0: 0.3 - 0.126, 0.5: 0.252, 0.0: 1 - 0.3 - 0.126}
    rare = 0.0
    for said in product(share, repeat=4):
        chance = float(np.prod([share[each] for each in said]))
        rare += chance * (1.0 if sum(said) > 3 else 0.5 if sum(said) == 3 else 0.0)
    assert one((3 - 1.2) / np.sqrt(0.7 * 4 * 0.21), 4, 0.3, 0.7) == pytest.approx(rare)


def test_very_many_votes_and_what_is_no_news_are_normal() -> None:
    assert one(3.0, 20_000, 0.3) == pytest.approx(ndtr(-3.0))
    assert one(1.0, 3, 0.3) == pytest.approx(ndtr(-1.0))
    assert one(3.0, 2.5, 0.3) == pytest.approx(ndtr(-3.0))  # weights
    assert one(3.0, 9_000, 0.5) == pytest.approx(ndtr(-3.0), rel=0.02)


def test_several_at_once_are_each_by_itself() -> None:
    sure, votes, expected = [2.0, -3.0, 2.5], [5.0, 9.0, 5.0], [0.3, 0.9, 0.5]
    found = tails(np.array(sure), np.array(votes), np.array(expected), 0.8)
    each = [one(*numbers, 0.8) for numbers in zip(sure, votes, expected, strict=True)]
    assert_allclose(found, each)
    assert not len(tails(np.empty(0), np.empty(0), np.empty(0), 1.0))
