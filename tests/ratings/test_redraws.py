"""Redraws: exact totals, the right shares, and tables that give what their chances say."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import poisson

from ratings.redraws import Redraws, Tables

KINDS = np.array([[50.0, 30.0], [40.0, 0.0], [60.0, 245.0]])  # wins, ties, losses of two pairs
MET = np.kron(np.ones((1, 3)), np.eye(2))  # from kinds to votes of pairs
WON = np.kron([[1.0, 0.5, 0.0]], np.eye(2))  # and to points of their first models


def test_every_round_has_all_votes_and_the_right_shares() -> None:
    met, won = Redraws.of(KINDS).draw(np.random.default_rng(0), 20_000)
    assert_array_equal(met.sum(axis=0), 425)
    assert_array_equal(met, np.round(met))
    assert_array_equal(2 * won, np.round(2 * won))
    counts, share = KINDS.ravel(), KINDS.ravel() / 425
    sums = np.concatenate([MET, WON])
    drawn = np.concatenate([met, won])
    assert_allclose(drawn.mean(axis=1), sums @ counts, atol=0.3)
    expected = 425 * (np.diag(share) - np.outer(share, share))
    # negative between pairs: not Poisson
    assert_allclose(np.cov(drawn), sums @ expected @ sums.T, atol=2.5)


def test_one_vote_falls_on_each_kind_by_its_share() -> None:
    met, won = Redraws.of(np.array([[0.2], [0.5], [0.3]])).draw(np.random.default_rng(4), 40_000)
    assert_array_equal(met, 1.0)
    shares = [(won == points).mean() for points in (1.0, 0.5, 0.0)]
    assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.01)


def test_a_kind_without_votes_is_never_drawn() -> None:
    _, won = Redraws.of(KINDS).draw(np.random.default_rng(1), 2000)
    assert_array_equal(won[1], np.round(won[1]))  # no ties in the second pair
    assert (won[0] != np.round(won[0])).any()


def test_more_pairs_than_are_drawn_at_once_keep_their_order() -> None:
    kinds = np.zeros((3, 1000))
    kinds[0] = np.arange(1000)
    met, won = Redraws.of(kinds).draw(np.random.default_rng(5), 50)
    assert_array_equal(met, won)
    assert_allclose(met.mean(axis=1), np.arange(1000), atol=25)


def test_poisson_draws_have_the_chances_of_their_mean() -> None:
    means = np.array([0.0, 0.3, 4.0, 900.0])
    tables = Tables.poisson(means)
    drawn = tables.draw(np.random.default_rng(2), tables.table, 40_000)
    assert_allclose(drawn.mean(axis=1), means, atol=0.6)
    assert_allclose(drawn.var(axis=1), means, rtol=0.05)
    shares = [(drawn[2] == value).mean() for value in range(9)]
    assert_allclose(shares, poisson.pmf(np.arange(9), 4.0), atol=0.006)


def test_nothing_is_drawn_from_nothing() -> None:
    for n_pairs in (0, 2):
        drawn = Redraws.of(np.zeros((3, n_pairs))).draw(np.random.default_rng(0), 3)
        for counts in drawn:
            assert_array_equal(counts, np.zeros((n_pairs, 3)))
