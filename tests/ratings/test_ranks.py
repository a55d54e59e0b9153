"""Ranks: places, their ranges, and groups ranked apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.intervals import Uncertainty, clustered, sandwich
from ratings.ranks import (
    Method,
    p_best,
    p_better,
    rank_ranges,
    ranks,
    simultaneous_quantile,
    told_apart,
)
from ratings.votes import Votes

ONE_GROUP = np.zeros(3, dtype=np.intp)


def test_equal_ratings_share_a_place() -> None:
    assert ranks(np.array([1000.0, 1100.0, 1000.0]), ONE_GROUP).tolist() == [2, 1, 2]


def test_groups_are_ranked_apart() -> None:
    ratings = np.array([1000.0, 1100.0, 900.0, 1200.0, np.nan])
    places = ranks(ratings, np.array([0, 0, 1, 1, -1]))
    assert places[:4].tolist() == [2, 1, 2, 1]
    assert np.isnan(places[4])


def test_a_range_counts_only_those_certainly_above_or_below() -> None:
    above = np.zeros((3, 3), dtype=bool)
    above[0, 2] = True  # the first certainly beats the third; the second is in doubt
    best, worst = rank_ranges(np.array([1100.0, 1000.0, 900.0]), ONE_GROUP, above)
    assert (best.tolist(), worst.tolist()) == ([1, 1, 2], [2, 3, 3])


def test_a_model_without_a_rating_has_no_range() -> None:
    ratings, groups = np.array([1000.0, np.nan]), np.array([0, -1])
    best, worst = rank_ranges(ratings, groups, np.zeros((2, 2), dtype=bool))
    assert best[0] == worst[0] == 1
    assert np.isnan(best[1])
    assert np.isnan(worst[1])


def test_1143_of_1711_pairs_of_real_models_are_told_apart(real_votes: Votes) -> None:
    """The count for these votes only, in the project's facts."""
    fit = bradley_terry(PairCounts.of(real_votes))
    assert told_apart(fit.ratings, sandwich(fit)).sum() == 1143


@given(st.from_type(Votes))
def test_a_place_lies_in_its_range(votes: Votes) -> None:
    fit = bradley_terry(PairCounts.of(votes))
    groups = fit.groups.of_model
    rated = ~np.isnan(fit.ratings)
    place = ranks(fit.ratings, groups)[rated]
    best, worst = rank_ranges(fit.ratings, groups, told_apart(fit.ratings, sandwich(fit)))
    assert np.all((best[rated] <= place) & (place <= worst[rated]))


def spread(error: float, df: float = float("inf")) -> Uncertainty:
    """Return the uncertainty of three unrelated ratings."""
    variance = error**2 * np.eye(3)
    difference = error * np.sqrt(2) * (1 - np.eye(3))
    return Uncertainty("sandwich", variance, np.full(3, error), difference, df)


def test_overlap_is_stricter_than_the_interval_of_the_difference() -> None:
    ratings = np.array([1030.0, 1000.0, 970.0])  # gaps of 30: 1.96 x 14.1 = 27.7 and 2 x 19.6
    assert told_apart(ratings, spread(10.0))[0, 1]
    assert not told_apart(ratings, spread(10.0), method="overlap")[0, 1]
    assert told_apart(ratings, spread(10.0), method="overlap")[0, 2]


def test_all_pairs_at_once_need_the_studentized_range() -> None:
    """Tukey: three unrelated ratings differ at 95 % by 3.314 standard errors of one."""
    inside, outside = (np.array([1000.0 + gap, 1000.0, 1000.0]) for gap in (32.5, 33.8))
    assert told_apart(inside, spread(10.0))[0, 1]
    assert not told_apart(inside, spread(10.0), method="simultaneous")[0, 1]
    assert told_apart(outside, spread(10.0), method="simultaneous")[0, 1]


def test_few_clusters_make_all_pairs_at_once_wider() -> None:
    """Tukey with 4 degrees of freedom: 5.040 standard errors of one."""
    inside, outside = (np.array([1000.0 + gap, 1000.0, 1000.0]) for gap in (48.0, 53.0))
    assert not told_apart(inside, spread(10.0, df=4), method="simultaneous")[0, 1]
    assert told_apart(outside, spread(10.0, df=4), method="simultaneous")[0, 1]


def test_one_tiny_error_of_a_pair_does_not_widen_all_others() -> None:
    """Clustered errors of pairs need not belong to the covariance that is drawn from."""
    even, odd = spread(10.0), spread(10.0)
    odd.difference_error[0, 1] = odd.difference_error[1, 0] = 1e-3
    assert simultaneous_quantile(odd) == simultaneous_quantile(even)
    ratings = np.array([1001.0, 1000.0, 960.0])
    above = told_apart(ratings, odd, method="simultaneous")
    assert above.tolist() == told_apart(ratings, even, method="simultaneous").tolist()


def test_clustered_errors_of_real_votes_hold_all_pairs_within_six(real_votes: Votes) -> None:
    """1,711 pairs at once: 59 unrelated ratings would need 5.2 (Tukey, 12 df)."""
    uncertainty = clustered(bradley_terry(PairCounts.of(real_votes)), real_votes)
    assert 4 < simultaneous_quantile(uncertainty) < 6


def test_chance_to_be_better_is_that_of_the_normal_curve() -> None:
    ahead = 10 * np.sqrt(2) * 1.96
    chance = p_better(np.array([1000.0 + ahead, 1000.0, 1000.0]), spread(10.0))
    assert chance[0, 1] == pytest.approx(0.975, abs=1e-4)
    assert chance[1, 0] == pytest.approx(0.025, abs=1e-4)
    assert chance[1, 2] == 0.5
    assert np.isnan(chance[0, 0])


def test_chances_to_be_best_add_up_to_one() -> None:
    assert p_best(np.full(3, 1000.0), spread(10.0)) == pytest.approx([1 / 3] * 3, abs=0.01)
    clear = p_best(np.array([1100.0, 1000.0, 900.0]), spread(10.0))
    assert clear.tolist() == [1, 0, 0]


def test_models_that_share_the_first_place_share_its_chance() -> None:
    uncertainty = spread(10.0)
    uncertainty.covariance[0, 1] = uncertainty.covariance[1, 0] = 100.0  # one and the same rating
    chance = p_best(np.array([1000.0, 1000.0, 1000.0]), uncertainty)
    assert chance[0] == pytest.approx(chance[1], abs=1e-9)
    assert chance == pytest.approx([1 / 4, 1 / 4, 1 / 2], abs=0.01)


def test_nothing_is_said_of_the_best_where_ratings_have_no_error() -> None:
    votes = Votes.from_arrays(tuple("ABC"), [[0, 1], [1, 2], [0, 2]], [2, 2, 2])
    fit = bradley_terry(PairCounts.of(votes))
    assert np.isnan(p_best(fit.ratings, sandwich(fit))).all()


def test_groups_have_a_best_of_their_own() -> None:
    pairs = [[0, 1], [1, 0], [0, 1], [2, 3], [3, 2], [0, 4]]
    votes = Votes.from_arrays(tuple("ABCDE"), pairs, [0, 0, 2, 0, 0, 0])
    fit = bradley_terry(PairCounts.of(votes))
    chance = p_best(fit.ratings, sandwich(fit))
    assert chance[:2].sum() == pytest.approx(1)
    assert chance[2:4].sum() == pytest.approx(1)
    assert np.isnan(chance[4])


@pytest.mark.parametrize("method", ["difference", "simultaneous", "overlap"])
def test_no_rule_tells_models_apart_that_share_no_scale(method: Method) -> None:
    votes = Votes.from_arrays(tuple("ABCD"), [[0, 1]] * 999 + [[1, 0], [2, 3]], [0] * 1000 + [2])
    fit = bradley_terry(PairCounts.of(votes))
    above = told_apart(fit.ratings, sandwich(fit), method=method)
    assert above[0, 1]
    assert not above[:2, 2:].any()
    assert not above[2:].any()


@pytest.mark.parametrize("method", ["simultaneous", "overlap"])
def test_the_other_rules_are_stricter_on_real_votes(method: Method, real_votes: Votes) -> None:
    fit = bradley_terry(PairCounts.of(real_votes))
    plain = told_apart(fit.ratings, sandwich(fit))
    stricter = told_apart(fit.ratings, sandwich(fit), method=method)
    assert stricter.sum() < plain.sum()
    assert not np.any(stricter & ~plain)
