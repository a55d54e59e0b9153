"""Elo: worked figures first, then what must hold for any votes."""

import evalica
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ratings.elo import K, elo_ratings, elo_update, expected_score
from ratings.votes import OUTCOMES, Votes

EVALICA = (evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.Draw)


def test_agrees_with_the_figures_in_evalicas_readme() -> None:
    """Three meals, three votes, K = 30: dustalov/evalica 0.4.2, README.md."""
    votes = Votes.from_arrays(("Pizza", "Burger", "Sushi"), [[0, 1], [1, 2], [0, 2]], [0, 1, 2])
    expected = [1014.972058, 970.647200, 1014.380742]
    assert_allclose(elo_ratings(votes, k=30), expected, atol=1e-6)


def test_agrees_with_the_reference_on_real_votes(real_votes: Votes) -> None:
    """File order, K = 16: the figures of the project's facts, made by another program."""
    rating = dict(zip(real_votes.models, elo_ratings(real_votes), strict=True))
    assert rating["GPT 4"] == pytest.approx(1161.026084, abs=1e-6)
    assert rating["GPT 3.5 Turbo (16k)"] == pytest.approx(1128.967171, abs=1e-6)
    assert rating["Dolly v2 (12B)"] == pytest.approx(783.015314, abs=1e-6)


def test_agrees_with_evalica_on_real_votes(real_votes: Votes) -> None:
    names = np.array(real_votes.models, dtype=object)
    said = [EVALICA[code] for code in real_votes.outcome]
    theirs = evalica.elo(names[real_votes.a], names[real_votes.b], said, k=16.0).scores
    assert_allclose(elo_ratings(real_votes), theirs[list(real_votes.models)], atol=1e-6)


def test_first_win_between_equals_moves_half_of_k() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]], [0])
    assert_allclose(elo_ratings(votes), [1008, 992])
    assert_allclose(elo_ratings(votes, k=32, initial=0), [16, -16])


def test_lead_of_400_points_means_odds_of_ten_to_one() -> None:
    assert_allclose(expected_score(1400.0, 1000.0), 10 / 11)
    assert_allclose(expected_score(173.7, 0.0, scale=173.7), 10 / 11)


def test_a_lead_too_long_for_exp_is_a_certain_win() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1], [1, 0]], [0, 1])
    assert_allclose(elo_ratings(votes, k=1e6, scale=1.0), [1000 + 5e5, 1000 - 5e5])


def test_a_model_without_votes_keeps_its_start() -> None:
    votes = Votes.from_arrays(("A", "B", "C"), [[0, 1]], [0])
    assert elo_ratings(votes)[2] == 1000


@given(st.from_type(Votes))
def test_no_vote_creates_points(votes: Votes) -> None:
    assert_allclose(elo_ratings(votes).mean(), 1000)


@given(st.from_type(Votes))
def test_one_more_vote_moves_a_rating_by_less_than_k(votes: Votes) -> None:
    before = elo_ratings(votes.take(np.arange(max(len(votes) - 1, 0))))
    assert np.all(np.abs(elo_ratings(votes) - before) < K)


@given(st.from_type(Votes))
def test_updating_vote_by_vote_is_the_same_as_replaying(votes: Votes) -> None:
    ratings = np.full(len(votes.models), 1000.0)
    for a, b, code in zip(votes.a, votes.b, votes.outcome, strict=True):
        ratings[[a, b]] = elo_update(ratings[a], ratings[b], OUTCOMES[code])
    assert_allclose(ratings, elo_ratings(votes), rtol=1e-12)
