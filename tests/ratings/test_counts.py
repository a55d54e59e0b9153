"""Counts: every vote once, on the right side."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ratings.counts import PairCounts
from ratings.votes import Votes


def test_counts_each_outcome_where_it_belongs() -> None:
    pairs = [[0, 1], [1, 0], [0, 1], [0, 1], [1, 0]]
    counts = PairCounts.of(Votes.from_arrays(("A", "B"), pairs, [0, 0, 1, 2, 3]))
    assert counts.wins.tolist() == [[0, 1], [2, 0]]
    assert counts.ties.tolist() == [[0, 1], [1, 0]]
    assert counts.both_bad.tolist() == [[0, 1], [1, 0]]
    assert counts.points.tolist() == [[0, 2], [3, 0]]
    assert counts.votes.tolist() == [[0, 5], [5, 0]]


@given(st.from_type(Votes))
def test_points_both_ways_are_the_votes(votes: Votes) -> None:
    counts = PairCounts.of(votes)
    assert_array_equal(counts.points + counts.points.T, counts.votes)
    assert counts.votes.sum() == 2 * len(votes)


@given(st.from_type(Votes))
def test_seats_count_what_the_log_says(votes: Votes) -> None:
    slow = np.zeros((len(votes.models), len(votes.models), 4))
    for a, b, outcome in zip(votes.a, votes.b, votes.outcome, strict=True):
        slow[a, b, outcome] += 1
    assert_array_equal(PairCounts.of(votes).seats, slow)
