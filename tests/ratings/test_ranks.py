"""Ranks: places, their ranges, and groups ranked apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.intervals import sandwich
from ratings.ranks import rank_ranges, ranks, told_apart
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
