"""Bradley-Terry: figures from elsewhere, laws, and what is not estimable."""

import evalica
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ratings.bradley_terry import BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.votes import Votes

EVALICA = (evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.Draw)


def rated(votes: Votes) -> BradleyTerry:
    return bradley_terry(PairCounts.of(votes))


def table(*rows: tuple[int, int, int]) -> Votes:
    """Return votes of models A to D from (winner, loser, times)."""
    pairs = [(winner, loser) for winner, loser, times in rows for _ in range(times)]
    return Votes.from_arrays(tuple("ABCD"), pairs, [0] * len(pairs))


def test_agrees_with_the_worked_example_of_wikipedia() -> None:
    """Four teams: "Bradley-Terry model", strengths .640, 1.043, .660, 2.270 up to scale."""
    votes = table(
        (0, 1, 2), (0, 3, 1), (1, 0, 3), (1, 2, 5), (2, 1, 3), (2, 3, 1), (3, 0, 4), (3, 2, 3)
    )
    strength = 10 ** ((rated(votes).ratings - 1000) / 400)
    assert_allclose(strength, [0.640, 1.043, 0.660, 2.270], atol=5e-4)


def test_agrees_with_the_reference_on_real_votes(real_votes: Votes) -> None:
    """The figure of the project's facts, made by another program."""
    fit = rated(real_votes)
    assert fit.ratings[fit.models.index("GPT 4")] == pytest.approx(1172.132556, abs=1e-6)
    assert fit.ratings.mean() == pytest.approx(1000)


def test_agrees_with_evalica_on_real_votes(real_votes: Votes) -> None:
    names = np.array(real_votes.models, dtype=object)
    said = [EVALICA[code] for code in real_votes.outcome]
    seats = names[real_votes.a], names[real_votes.b]
    found = evalica.bradley_terry(*seats, said, tolerance=1e-14, limit=100_000)
    theirs = 400 * np.log10(found.scores[list(real_votes.models)].to_numpy())
    assert_allclose(rated(real_votes).ratings, 1000 + theirs - theirs.mean(), atol=1e-6)


def test_ten_wins_to_one_is_a_lead_of_400() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 11, [0] * 10 + [1])
    assert_allclose(rated(votes).ratings, [1200, 800])


def test_a_million_to_one_still_has_a_rating() -> None:
    counts = PairCounts(("A", "B"), np.zeros((2, 2, 4)))
    counts.seats[0, 1, :2] = 1e6, 1
    assert_allclose(np.ptp(bradley_terry(counts).ratings), 2400)


def test_only_ties_make_all_equal() -> None:
    votes = Votes.from_arrays(tuple("ABC"), [[0, 1], [1, 2]], [2, 3])
    assert_allclose(rated(votes).ratings, 1000)


def test_no_votes_rate_nobody() -> None:
    assert rated(Votes.from_arrays((), [], [])).ratings.shape == (0,)


@pytest.mark.parametrize(
    ("votes", "estimable"),
    [
        pytest.param(table((0, 1, 1)), [], id="a single vote"),
        pytest.param(table((0, 1, 3), (0, 2, 3), (1, 2, 2), (2, 1, 1)), [1, 2], id="won all"),
        pytest.param(table((1, 0, 3), (2, 0, 3), (1, 2, 2), (2, 1, 1)), [1, 2], id="lost all"),
    ],
)
def test_a_model_that_only_won_or_lost_has_no_number(votes: Votes, estimable: list[int]) -> None:
    ratings = rated(votes).ratings
    assert np.flatnonzero(~np.isnan(ratings)).tolist() == estimable


def test_groups_that_never_met_are_rated_apart() -> None:
    fit = rated(table((0, 1, 2), (1, 0, 1), (2, 3, 3), (3, 2, 1)))
    assert fit.groups.n_groups == 2
    assert_allclose(fit.ratings, [1060.205999, 939.794001, 1095.424251, 904.575749])
    assert np.isnan(fit.expected[0, 2])


def test_a_one_way_bridge_joins_nothing() -> None:
    fit = rated(table((0, 1, 2), (1, 0, 1), (2, 3, 3), (3, 2, 1), (0, 2, 5)))
    assert fit.groups.n_groups == 2
    assert_allclose(fit.ratings[:2], [1060.205999, 939.794001])


def test_a_prior_gives_every_model_a_number_on_one_scale() -> None:
    fit = bradley_terry(PairCounts.of(table((0, 1, 3), (2, 3, 1))), prior=1.0)
    assert fit.prior == 1.0
    assert fit.groups.n_groups == 1
    assert fit.ratings[0] > fit.ratings[2] > fit.ratings[3] > fit.ratings[1]


def test_an_anchor_moves_the_level_and_no_gap() -> None:
    counts = PairCounts.of(table((0, 1, 2), (1, 0, 1)))
    free, held = bradley_terry(counts), bradley_terry(counts, anchor=("B", 1500.0))
    assert held.ratings[1] == 1500
    assert_allclose(np.diff(held.ratings[:2]), np.diff(free.ratings[:2]))
    assert_allclose(held.expected, free.expected)


@pytest.mark.parametrize("name", ["Z", "C"], ids=["an unknown model", "a model without a rating"])
def test_an_anchor_must_be_rated(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' cannot anchor"):
        bradley_terry(PairCounts.of(table((0, 1, 1), (1, 0, 1), (0, 2, 1))), anchor=(name, 1000))


def test_a_negative_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        bradley_terry(PairCounts.of(table((0, 1, 1))), prior=-1)


def test_the_start_does_not_change_the_result(real_votes: Votes) -> None:
    counts = PairCounts.of(real_votes)
    far = np.random.default_rng(0).normal(1000, 800, len(counts.models))
    again = bradley_terry(counts, start=far).ratings
    assert_allclose(again, bradley_terry(counts).ratings, atol=1e-7)


@given(st.from_type(Votes))
def test_expected_scores_add_up_to_the_points_taken(votes: Votes) -> None:
    """The likelihood equations, which hold at the maximum and nowhere else."""
    fit = rated(votes)
    together = fit.groups.together
    expected = np.where(together, fit.counts.votes * np.nan_to_num(fit.expected), 0).sum(axis=1)
    taken = np.where(together, fit.counts.points, 0).sum(axis=1)
    assert_allclose(expected, taken, atol=1e-8)


@given(st.from_type(Votes))
def test_predicted_rates_of_a_pair_add_up_to_one(votes: Votes) -> None:
    expected = rated(votes).expected
    known = ~np.isnan(expected)
    assert_allclose((expected + expected.T)[known], 1)
