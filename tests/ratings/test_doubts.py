"""Doubts: who cannot be told from the next, in runs, and what it would take to settle it."""

import time
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.doubts import Doubt, Doubts, doubts_of_elo, doubts_of_ratings
from ratings.intervals import Uncertainty, sandwich
from ratings.orders import elo_orders
from ratings.ranks import told_apart
from ratings.votes import Votes


def doubts(wins: int, losses: int) -> Doubts:
    """Return the doubts of A over B."""
    outcome = [0] * wins + [1] * losses
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * len(outcome), outcome)
    fit = bradley_terry(PairCounts.of(votes))
    order = np.argsort(-fit.ratings)
    return doubts_of_ratings(votes.models, order, fit.ratings, sandwich(fit), fit.counts.votes)


def test_the_votes_named_settle_the_doubt_in_four_of_five_logs() -> None:
    """By hand: a lead of 1.893 errors needs t = 1.764 times the votes, 191 more.

    There 1.893 t is 1.96 sqrt(t) + 0.842 sqrt(t - 1). Votes that shrink the interval to the lead,
    20 of them, settle every other log.
    """
    (pair,) = doubts(140, 110).pairs
    assert pair == ("A", "B", 200)
    won = np.arange(201)
    settled = np.array([not doubts(140 + more, 310 - more).pairs for more in won.tolist()])
    assert float(binom.pmf(won, 200, 0.56)[settled].sum()) == pytest.approx(0.81, abs=0.03)


def test_no_number_of_votes_is_named_where_it_would_be_a_guess() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 21, [0] * 11 + [1] * 10)
    fit = bradley_terry(PairCounts.of(votes))
    found = doubts_of_ratings(
        votes.models, np.array([0, 1]), fit.ratings, sandwich(fit), fit.counts.votes
    )
    assert found.pairs == (Doubt("A", "B"),)
    assert found.warning == "1 of 1 neighbouring pair cannot be told apart yet (95 %): A and B."


def test_further_votes_are_counted_over_all_groups() -> None:
    """By hand: 9 to 3 is 1.648 errors, which asks for 2.515 times the votes; so 37 more of 24."""
    pairs = [[0, 1]] * 12 + [[2, 3]] * 12
    votes = Votes.from_arrays(tuple("ABCD"), pairs, [0] * 9 + [1] * 3 + [0] * 8 + [1] * 4)
    fit = bradley_terry(PairCounts.of(votes))
    order = np.array([0, 1, 2, 3])
    found = doubts_of_ratings(votes.models, order, fit.ratings, sandwich(fit), fit.counts.votes)
    assert found.pairs == (Doubt("A", "B", 37), Doubt("C", "D"))  # 8 to 4 needs too many


def test_many_models_take_no_pass_over_all_pairs_for_each_neighbour() -> None:
    """At 1,000 models such passes took hundreds of times as long as telling all pairs apart."""
    n = 1000
    error = 10.0 * np.sqrt(2) * (1 - np.eye(n))
    unsure = Uncertainty("sandwich", 100.0 * np.eye(n), np.full(n, 10.0), error, float("inf"))
    ratings, votes = np.linspace(1100, 900, n), np.ones((n, n)) - np.eye(n)
    models, order = tuple(f"m{m}" for m in range(n)), np.arange(n)
    started = time.process_time()
    told_apart(ratings, unsure)
    once = time.process_time() - started
    started = time.process_time()
    found = doubts_of_ratings(models, order, ratings, unsure, votes)
    assert time.process_time() - started < 10 * once
    assert len(found.pairs) == n - 1


def test_neighbours_in_a_row_are_named_by_the_first_and_the_last() -> None:
    pairs = (Doubt("A", "B", 900), Doubt("B", "C"), Doubt("C", "D", 300), Doubt("F", "G"))
    found = Doubts(pairs, 7)
    assert found.runs == (("A", "B", "C", "D"), ("F", "G"))
    assert found.warning == (
        "4 of 7 neighbouring pairs cannot be told apart yet (95 %), each from the next: A to D; "
        "F and G. About 900 more votes like these would settle 2 of them; the rest may stay open."
    )


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        pytest.param((Doubt("A", "B", 90),), "About 90 more votes like these would settle it."),
        pytest.param(
            (Doubt("A", "B", 90), Doubt("B", "C", 1200)),
            "About 1,200 more votes like these would settle all of them.",
        ),
    ],
    ids=["one", "all"],
)
def test_what_would_settle_all(pairs: tuple[Doubt, ...], says: str) -> None:
    assert (Doubts(pairs, 3).warning or "").endswith(says)


def test_every_pair_of_real_models_in_doubt_is_in_the_data(real_votes: Votes) -> None:
    fit = bradley_terry(PairCounts.of(real_votes))
    order, uncertainty = np.argsort(-fit.ratings), sandwich(fit)
    found = doubts_of_ratings(real_votes.models, order, fit.ratings, uncertainty, fit.counts.votes)
    apart = told_apart(fit.ratings, uncertainty)
    expected = [
        (real_votes.models[m], real_votes.models[n]) for m, n in pairwise(order) if not apart[m, n]
    ]
    assert [pair[:2] for pair in found.pairs] == expected
    assert found.neighbours == 58


def test_elo_is_in_doubt_where_another_order_swaps(real_votes: Votes) -> None:
    band = elo_orders(real_votes, orders=50)
    order = np.argsort(-band.mean)
    found = doubts_of_elo(real_votes.models, order, band)
    assert 40 < len(found.pairs) <= 58
    assert all(pair.more_votes is None for pair in found.pairs)
    assert (found.warning or "").startswith("Another order of the same votes could swap")
    assert doubts_of_elo(real_votes.models, order, None).warning is None
