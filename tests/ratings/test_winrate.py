"""Win rates: actual and predicted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ratings.counts import PairCounts
from ratings.votes import Votes
from ratings.winrate import overall_rates, predicted_rates, win_rates


def test_a_tie_is_half_a_win_and_so_is_both_bad() -> None:
    rates = win_rates(Votes.from_arrays(("A", "B", "C"), [[0, 1]] * 4, [0, 0, 2, 3]))
    assert rates.rate[0, 1] == 0.75
    assert rates.rate[1, 0] == 0.25
    assert rates.count[0, 1] == rates.count[1, 0] == 4
    assert np.isnan(rates.rate[0, 2])


def test_ratings_predict_what_their_lead_says() -> None:
    """The survey's winner at 1222 points takes 78.2 % from a model at 1000."""
    predicted = predicted_rates(np.array([1222.0, 1000.0]))
    assert_allclose(predicted[0, 1], 0.782, atol=5e-4)
    assert np.isnan(predicted[0, 0])


def test_nothing_is_predicted_between_groups_or_without_a_rating() -> None:
    ratings = np.array([1000.0, 1000.0, 1000.0, np.nan])
    predicted = predicted_rates(ratings, np.array([0, 0, 1, -1]))
    assert np.flatnonzero(~np.isnan(predicted)).tolist() == [1, 4]


def test_the_overall_rate_counts_every_vote_of_a_model() -> None:
    counts = PairCounts.of(Votes.from_arrays(tuple("ABCD"), [[0, 1], [2, 0]], [0, 2]))
    assert_array_equal(overall_rates(counts), [0.75, 0.0, 0.5, np.nan])


@given(st.from_type(Votes))
def test_rates_of_a_pair_add_up_to_one(votes: Votes) -> None:
    rates = win_rates(votes)
    known = rates.count > 0
    assert_allclose((rates.rate + rates.rate.T)[known], 1)
    assert np.all(np.isnan(rates.rate[~known]))
