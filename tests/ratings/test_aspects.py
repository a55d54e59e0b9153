"""Aspects: shrinkage follows the votes, and how far aspects differ is found again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ratings.aspects import aspect_ratings
from ratings.bradley_terry import bradley_terry
from ratings.columns import Labels
from ratings.counts import PairCounts
from ratings.votes import Votes


def of_aspects(tau: float, n_aspects: int, seed: int) -> np.ndarray:
    """Return ratings of 12 models that differ between aspects by an sd of tau points."""
    generator = np.random.default_rng(seed)
    return np.linspace(200, -200, 12) + generator.normal(0, tau, (n_aspects, 12))


def by_aspect(
    tau: float, n_votes: int, n_aspects: int = 9, seed: int = 0, *, ties: bool = False
) -> Votes:
    """Return votes by such ratings, with or without 30 % ties."""
    ratings = of_aspects(tau, n_aspects, seed)
    generator = np.random.default_rng((seed, 1))
    first = generator.integers(12, size=n_votes)
    pairs = np.column_stack([first, (first + generator.integers(1, 12, size=n_votes)) % 12])
    aspect = generator.integers(n_aspects, size=n_votes)
    lead = ratings[aspect, pairs[:, 0]] - ratings[aspect, pairs[:, 1]]
    chance = 1 / (1 + 10 ** (-lead / 400))
    tie = 0.33 * 4 * chance * (1 - chance) if ties else np.zeros(n_votes)
    drawn = generator.random(n_votes)
    outcome = np.where(drawn < tie, 2, np.where(drawn < chance + tie / 2, 0, 1))
    models = tuple(f"m{i:02}" for i in range(12))
    return Votes.from_arrays(models, pairs, outcome, aspect=Labels.of(aspect.astype(str)))


def test_how_far_aspects_differ_is_found_again() -> None:
    assert aspect_ratings(by_aspect(80.0, 20_000)).tau == pytest.approx(80, rel=0.2)


def drawn_apart(tau: float, n_aspects: int, seed: int) -> float:
    """Return how far these aspects happen to lie apart."""
    truth = of_aspects(tau, n_aspects, seed)
    truth = truth - truth.mean(axis=1, keepdims=True)
    square = ((truth - truth.mean(axis=0)) ** 2).sum()
    return float(np.sqrt(square / (n_aspects - 1) / 11))


@pytest.mark.parametrize(
    ("tau", "n_votes", "n_aspects", "ties"),
    [(80.0, 4_000, 2, False), (60.0, 2_700, 9, True)],
    ids=["two aspects", "few votes, many of them ties"],
)
def test_it_is_found_without_leaning(
    tau: float, n_votes: int, n_aspects: int, *, ties: bool
) -> None:
    """As if what aspects share were known, or no vote were a tie, it came out a third too small."""
    ratio = [
        aspect_ratings(by_aspect(tau, n_votes, n_aspects, seed, ties=ties)).tau
        / drawn_apart(tau, n_aspects, seed)
        for seed in range(12)
    ]
    assert np.mean(ratio) == pytest.approx(1, abs=0.08)


def test_shrunk_errors_are_those_of_ratings_about_their_mean() -> None:
    """Two errors either side hold the truth in 95 % of cases; with the level's in all of them."""
    held = []
    for seed in range(6):
        found = aspect_ratings(by_aspect(80.0, 18_000, 9, seed, ties=True))
        truth = of_aspects(80.0, 9, seed)[[int(name) for name in found.aspects]]
        gap = found.ratings - 1000 - (truth - truth.mean(axis=1, keepdims=True))
        held.append((np.abs(gap) < 1.96 * found.error).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_aspects_that_share_no_models_say_nothing_of_how_far_they_differ() -> None:
    """A and B are compared in one, C and D in the other, all of them in votes without an aspect."""
    pairs = [[0, 1]] * 60 + [[2, 3]] * 60 + [[0, 2], [1, 3]] * 60
    aspect = Labels.of(["writing"] * 60 + ["physics"] * 60 + [None] * 120)
    outcome = [0] * 50 + [1] * 70 + [0, 1] * 60
    found = aspect_ratings(Votes.from_arrays(tuple("ABCD"), pairs, outcome, aspect=aspect))
    assert found.tau == 0
    assert_allclose(found.ratings, np.tile(found.overall.ratings, (2, 1)))


def test_few_votes_that_only_others_without_an_aspect_can_bind_are_rated() -> None:
    """In no aspect A lost a vote, so what these share is nowhere finite; B beat it in another."""
    pairs = [[1, 2], [2, 1], [0, 2], [2, 1], [1, 0]]
    aspect = Labels.of(["w", "x", "y", "z", None])
    found = aspect_ratings(Votes.from_arrays(tuple("ABC"), pairs, [0] * 5, aspect=aspect))
    assert np.isfinite([found.tau, found.p]).all()
    assert np.isfinite(found.ratings).all()


def test_aspects_that_do_not_differ_are_not_told_to() -> None:
    """Half of the time nothing is found, and what is found is called luck but for 1 in 20."""
    found = [aspect_ratings(by_aspect(0.0, 4_000, seed=seed, ties=True)) for seed in range(30)]
    assert 10 < sum(one.tau == 0 for one in found) < 25
    assert max(one.tau for one in found) < 25
    assert sum(one.p < 0.05 for one in found) <= 4
    assert 0.35 < np.mean([one.p for one in found]) < 0.65
    none = next(one for one in found if one.tau == 0)
    assert_allclose(none.ratings, np.tile(none.overall.ratings, (9, 1)))


def test_aspects_that_differ_are_told_from_luck() -> None:
    assert aspect_ratings(by_aspect(60.0, 4_000)).p < 1e-6
    alone = aspect_ratings(by_aspect(60.0, 400, 1))
    assert (alone.tau, np.isnan(alone.p)) == (0, True)


def test_aspects_without_a_bound_on_how_far_they_differ_get_a_wide_one() -> None:
    """Each of two aspects says the opposite of the other, without an exception."""
    votes = Votes.from_arrays(
        tuple("ABC"),
        [[0, 1], [1, 2], [0, 2]] * 200,
        [0] * 300 + [1] * 300,
        aspect=Labels.of(["writing"] * 300 + ["physics"] * 300),
    )
    found = aspect_ratings(votes)
    assert found.tau == pytest.approx(5 * 400 / np.log(10))
    assert np.isfinite(found.ratings).all()


def test_shrunk_ratings_are_closer_to_the_truth_than_the_aspects_own() -> None:
    """Split in two halves: shrunk ratings of one half predict the other half's votes better."""
    votes = by_aspect(60.0, 4_000)
    half = np.arange(4_000) < 2_000
    found = aspect_ratings(votes.take(half))
    alone = aspect_ratings(votes.take(half), tau=10_000.0)

    def loss(ratings: np.ndarray) -> float:
        rest = votes.take(~half)
        assert rest.aspect is not None
        assert votes.aspect is not None
        row = [found.aspects.index(str(rest.aspect.names[code])) for code in rest.aspect.codes]
        lead = ratings[row, rest.a] - ratings[row, rest.b]
        chance = 1 / (1 + 10 ** (-lead / 400))
        return float(((rest.scores - chance) ** 2).mean())

    assert loss(found.ratings) < loss(alone.ratings)


def test_a_large_tau_gives_each_aspect_its_own_ratings() -> None:
    votes = by_aspect(60.0, 9_000, n_aspects=3)
    assert votes.aspect is not None
    found = aspect_ratings(votes, tau=1e5)
    for row, name in enumerate(found.aspects):
        own = votes.take(np.flatnonzero(votes.aspect.names[votes.aspect.codes] == name))
        alone = bradley_terry(PairCounts.of(own)).ratings
        assert_allclose(np.diff(found.ratings[row]), np.diff(alone), atol=0.05)


def test_a_tiny_tau_gives_every_aspect_the_overall_ratings() -> None:
    found = aspect_ratings(by_aspect(60.0, 900), tau=0.01)
    assert_allclose(found.ratings, np.tile(found.overall.ratings, (9, 1)), atol=0.1)
    assert_allclose(found.error, 0.01, atol=1e-3)


def test_fewer_votes_are_shrunk_more() -> None:
    votes = by_aspect(100.0, 3_000, n_aspects=2)
    assert votes.aspect is not None
    first = votes.aspect.names[votes.aspect.codes] == "0"
    rows = np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)[:60]])
    found = aspect_ratings(votes.take(rows), tau=100.0)
    few = found.aspects.index("1")
    assert found.votes[few].sum() == 120
    assert np.all(found.error[few] > found.error[1 - few])


def test_a_model_without_an_overall_rating_has_none_in_any_aspect() -> None:
    votes = Votes.from_arrays(
        tuple("ABC"),
        [[0, 1], [1, 0], [0, 2]],
        [0, 0, 0],
        aspect=Labels.of(["writing", "physics", None]),
    )
    found = aspect_ratings(votes)
    assert found.aspects == ("writing", "physics")
    assert np.isnan(found.ratings[:, 2]).all()
    assert not np.isnan(found.ratings[:, :2]).any()


@given(st.from_type(Votes))
def test_every_log_with_aspects_has_figures(votes: Votes) -> None:
    found = aspect_ratings(replace(votes, aspect=votes.question))
    assert 0 <= found.tau <= 5 * 400 / np.log(10)
    assert np.isnan(found.p) or 0 <= found.p <= 1
    known = ~np.isnan(found.ratings)
    assert np.isfinite(found.error[known]).all()
    rated = found.overall.groups.of_model == 0
    assert_array_equal(known, np.tile(rated, (len(found.aspects), 1)))


def test_no_votes_give_no_aspects() -> None:
    found = aspect_ratings(Votes.from_arrays(("A", "B"), [], [], aspect=Labels.of([])))
    assert found.ratings.shape == (0, 2)


def test_models_that_nothing_compares_have_no_rating_in_any_aspect() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 3, [0] * 3, aspect=Labels.of(["x", "x", "y"]))
    for tau in (None, 50.0):
        assert np.isnan(aspect_ratings(votes, tau=tau).ratings).all()


def test_refuses_a_log_without_aspects_and_a_tau_of_nothing() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]], [2])
    with pytest.raises(ValueError, match="no aspects"):
        aspect_ratings(votes)
    with pytest.raises(ValueError, match="must be positive"):
        aspect_ratings(by_aspect(0.0, 9), tau=0)
