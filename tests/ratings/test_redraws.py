"""Redraws: exact totals, the right shares, and tables that give what their chances say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.stats import poisson

from ratings.kernels import draw_pairs
from ratings.redraws import Redraws, poisson_tables

PAIRS = np.array([[0, 1], [1, 2]], dtype=np.int32)
KINDS = np.array([[50.0, 40.0, 60.0], [30.0, 0.0, 245.0]])  # wins, ties, losses of two pairs
MET = np.kron(np.eye(2), np.ones((1, 3)))  # from kinds to votes of pairs
WON = np.kron(np.eye(2), [[1.0, 0.5, 0.0]])  # and to points of their first models
LOST = np.kron(np.eye(2), [[0.0, 0.5, 1.0]])


def redraws(kinds: NDArray[np.float64]) -> Redraws:
    """Return redraws of pairs that share no model."""
    return Redraws.of(np.zeros((len(kinds), 2), dtype=np.int32), kinds, 1).apart()


def test_every_round_has_all_votes_and_the_right_shares() -> None:
    met, points = Redraws.of(PAIRS, KINDS, 3).draw(np.random.SFC64(0), 20_000)
    assert_array_equal(met.sum(axis=0), 425)
    assert_array_equal(points.sum(axis=0), 425)
    assert_array_equal(2 * points, np.round(2 * points))
    counts, share = KINDS.ravel(), KINDS.ravel() / 425
    shared = WON[[1]] + LOST[[0]]  # the model that is in both pairs
    sums = np.concatenate([MET, WON[[0]], shared, LOST[[1]]])
    drawn = np.concatenate([met, points])
    assert_allclose(drawn.mean(axis=1), sums @ counts, atol=0.3)
    expected = 425 * (np.diag(share) - np.outer(share, share))
    # negative between pairs: not Poisson
    assert_allclose(np.cov(drawn), sums @ expected @ sums.T, atol=2.5)


def test_draws_apart_are_the_same_votes_by_pair() -> None:
    together = Redraws.of(PAIRS, KINDS, 4)
    met, points = together.draw(np.random.SFC64(7), 9)
    same, apart = together.apart().draw(np.random.SFC64(7), 9)
    assert_array_equal(same, met)
    assert_array_equal(apart[0::2] + apart[1::2], met)
    assert_array_equal([apart[0], apart[1] + apart[2], apart[3], 0 * apart[0]], points)


def test_one_vote_falls_on_each_kind_by_its_share() -> None:
    met, points = redraws(np.array([[0.2, 0.5, 0.3]])).draw(np.random.SFC64(4), 40_000)
    assert_array_equal(met, 1)
    shares = [(points[0] == taken).mean() for taken in (1.0, 0.5, 0.0)]
    assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.01)


def test_a_kind_without_votes_is_never_drawn() -> None:
    _, points = redraws(KINDS).draw(np.random.SFC64(1), 2001)
    assert_array_equal(points[2], np.round(points[2]))  # no ties in the second pair
    assert (points[0] != np.round(points[0])).any()


@pytest.mark.parametrize("rounds", [1, 2, 50, 51])
def test_more_pairs_than_are_drawn_at_once_keep_their_order(rounds: int) -> None:
    kinds = np.zeros((1000, 3))
    kinds[:, 0] = np.arange(1000) * 100
    met, points = redraws(kinds).draw(np.random.SFC64(5), rounds)
    assert_array_equal(met, points[0::2])
    assert_allclose(met.mean(axis=1), np.arange(1000) * 100, atol=1500)
    assert_allclose(np.corrcoef(met[:, -1], kinds[:, 0])[0, 1], 1.0, atol=1e-3)


def test_rounds_are_drawn_each_for_itself() -> None:
    met, _ = redraws(KINDS).draw(np.random.SFC64(6), 40_001)
    first, second = met[0, :20_000], met[0, 20_001:]  # two halves of the same random words
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert abs(np.corrcoef(met[0, 1:], met[0, :-1])[0, 1]) < 0.03


def test_draws_alone_have_the_chances_of_their_mean() -> None:
    means = np.array([[0.0, 4.0, 900.0], [0.3, 0.0, 0.0]])
    table, bounds, aliases, lowest = poisson_tables(means)
    raw = np.random.SFC64(2).random_raw(2 * 3 * 20_000).view(np.int64).reshape(2, 3, 20_000)
    met, points = np.empty((2, 40_000), dtype=np.int32), np.zeros((4, 40_000))
    pairs = np.array([[0, 1], [2, 3]], dtype=np.int32)
    draw_pairs(raw, pairs, (table, bounds, aliases, lowest), met, points)
    ties, losses = 2 * points[0], points[1] - points[0]
    for drawn, mean in ((ties, 4.0), (losses, 900.0), (points[2], 0.3)):
        assert_allclose([drawn.mean(), drawn.var()], mean, atol=0.02 + 0.01 * mean)
    shares = [(ties == value).mean() for value in range(9)]
    assert_allclose(shares, poisson.pmf(np.arange(9), 4.0), atol=0.006)
    assert_array_equal(points[3], 0)


def test_nothing_is_drawn_from_nothing() -> None:
    for n_pairs in (0, 2):
        met, points = redraws(np.zeros((n_pairs, 3))).draw(np.random.SFC64(0), 3)
        assert_array_equal(met, np.zeros((n_pairs, 3)))
        assert_array_equal(points, np.zeros((2 * n_pairs, 3)))
