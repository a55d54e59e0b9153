"""Redraws: exact totals, the right shares, and tables that give what their chances say."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import poisson

from ratings.redraws import Redraws, Tables

COUNTS = np.array([50.0, 30.0, 40.0, 0.0, 60.0, 245.0])


def test_every_round_has_all_votes_and_the_right_shares() -> None:
    drawn = Redraws.of(COUNTS).draw(np.random.default_rng(0), 6000)
    share = COUNTS / 425
    assert_array_equal(drawn.sum(axis=0), 425)
    assert_array_equal(drawn, np.round(drawn))
    assert_allclose(drawn.mean(axis=1), COUNTS, atol=0.6)
    expected = 425 * (np.diag(share) - np.outer(share, share))
    assert_allclose(np.cov(drawn), expected, atol=4.5)  # negative between kinds: not Poisson


def test_a_kind_without_votes_is_never_drawn() -> None:
    assert not Redraws.of(COUNTS).draw(np.random.default_rng(1), 2000)[3].any()


def test_poisson_draws_have_the_chances_of_their_mean() -> None:
    means = np.array([0.0, 0.3, 4.0, 900.0])
    drawn = Tables.poisson(means).draw(np.random.default_rng(2), 40_000)
    assert_allclose(drawn.mean(axis=1), means, atol=0.6)
    assert_allclose(drawn.var(axis=1), means, rtol=0.05)
    shares = [(drawn[2] == value).mean() for value in range(9)]
    assert_allclose(shares, poisson.pmf(np.arange(9), 4.0), atol=0.006)


def test_nothing_is_drawn_from_nothing() -> None:
    assert Redraws.of(np.empty(0)).draw(np.random.default_rng(0), 3).shape == (0, 3)
    assert_array_equal(Redraws.of(np.zeros(2)).draw(np.random.default_rng(0), 3), np.zeros((2, 3)))
