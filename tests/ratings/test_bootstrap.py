"""Bootstrap: the sandwich by another route, exact totals, and rounds without a rating."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ratings.bootstrap import bootstrap
from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.intervals import sandwich
from ratings.votes import Votes


def counted(*rows: tuple[int, int, int, int]) -> PairCounts:
    """Return counts of models A to D from (first, second, wins of the first, of the second)."""
    counts = PairCounts(tuple("ABCD"), np.zeros((4, 4, 4)))
    for first, second, wins, losses in rows:
        counts.seats[first, second, :2] = wins, losses
    return counts


FULL = counted((0, 1, 50, 30), (1, 2, 40, 30), (2, 3, 60, 50), (0, 3, 70, 20), (0, 2, 50, 25))


def test_sd_is_that_of_the_sandwich_on_real_votes(real_votes: Votes) -> None:
    """Ratio 1.00 in the project's facts; 400 rounds of 59 models leave 1 % to chance."""
    fit = bradley_terry(PairCounts.of(real_votes))
    ratio = bootstrap(fit, rounds=400).sd / sandwich(fit).error
    assert ratio.mean() == pytest.approx(1.02, abs=0.03)


def test_interval_holds_the_rating_and_95_percent_of_the_rounds() -> None:
    drawn = bootstrap(bradley_terry(FULL), rounds=400)
    lower, upper = drawn.interval()
    inside = ((lower < drawn.ratings) & (drawn.ratings < upper)).mean(axis=0)
    assert_allclose(inside, 0.95, atol=0.01)


def test_the_same_seed_gives_the_same_rounds() -> None:
    fit = bradley_terry(FULL)
    first, again = bootstrap(fit, rounds=5), bootstrap(fit, rounds=5)
    assert_array_equal(first.ratings, again.ratings)
    assert not np.array_equal(first.ratings, bootstrap(fit, rounds=5, seed=1).ratings)


def test_each_round_has_the_mean_of_the_ratings() -> None:
    drawn = bootstrap(bradley_terry(FULL), rounds=5)
    assert_allclose(drawn.ratings.mean(axis=1), 1000)


def test_an_anchor_stays_where_it_is_in_every_round() -> None:
    free = bootstrap(bradley_terry(FULL), rounds=5)
    held = bootstrap(bradley_terry(FULL, anchor=("B", 1200.0)), rounds=5)
    assert_allclose(held.ratings[:, 1], 1200)
    assert_allclose(np.diff(held.ratings), np.diff(free.ratings), atol=1e-6)


def test_models_that_cannot_be_rated_stay_without_a_number() -> None:
    drawn = bootstrap(bradley_terry(counted((0, 1, 50, 40), (2, 3, 50, 60))), rounds=50)
    assert_allclose(drawn.ratings[:, :2].mean(axis=1), 1000)
    assert_allclose(drawn.ratings[:, 2:].mean(axis=1), 1000)
    alone = bootstrap(bradley_terry(counted((0, 1, 50, 40), (0, 2, 10, 0))), rounds=50)
    assert np.isnan(alone.ratings[:, 2:]).all()
    assert np.isnan(alone.sd[2])
    assert np.isnan(alone.interval()[0][2])


def test_rounds_that_fall_apart_leave_the_end_of_the_interval_open() -> None:
    drawn = bootstrap(bradley_terry(counted((0, 1, 50, 40), (1, 2, 5, 1))), rounds=100)
    lost = np.isnan(drawn.ratings[:, 2]).mean()
    assert 0.2 < lost < 0.5  # the one vote that holds C is missing in 1/e of all rounds
    assert np.isnan(drawn.interval()[0][:3]).all()


def test_a_prior_holds_every_round_together() -> None:
    fit = bradley_terry(counted((0, 1, 50, 40), (1, 2, 5, 1)), prior=1.0)
    assert not np.isnan(bootstrap(fit, rounds=100).ratings).any()


def test_no_votes_give_no_ratings() -> None:
    assert np.isnan(bootstrap(bradley_terry(counted()), rounds=3).ratings).all()
