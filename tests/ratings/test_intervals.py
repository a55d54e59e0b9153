"""Intervals: figures from elsewhere, a slow second route, and where there is none."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ratings.bradley_terry import POINTS, bradley_terry
from ratings.clusters import can_cluster
from ratings.columns import Labels
from ratings.counts import PairCounts
from ratings.intervals import clustered, sandwich
from ratings.votes import Votes


def regression(votes: Votes) -> NDArray[np.float64]:
    """Return the sandwich covariance by logistic regression, one row a vote: statsmodels."""
    design = np.zeros((len(votes), len(votes.models)))
    rows = np.arange(len(votes))
    design[rows, votes.a], design[rows, votes.b] = 1.0, -1.0
    free = design[:, 1:]  # the first model is the reference
    family = sm.families.Binomial()
    fit = sm.GLM(votes.scores, free, family=family).fit(cov_type="HC0", tol=1e-14)
    about_mean = np.eye(len(votes.models))[:, 1:] - 1 / len(votes.models)
    return np.asarray(POINTS**2 * about_mean @ fit.cov_params() @ about_mean.T)


def test_agrees_with_the_reference_on_real_votes(real_votes: Votes) -> None:
    """[1117.531825, 1226.733288] for GPT 4: the project's facts, made by another program."""
    fit = bradley_terry(PairCounts.of(real_votes))
    lower, upper = sandwich(fit).interval(fit.ratings)
    gpt4 = fit.models.index("GPT 4")
    assert lower[gpt4] == pytest.approx(1117.531825, abs=1e-6)
    assert upper[gpt4] == pytest.approx(1226.733288, abs=1e-6)


def test_sandwich_agrees_with_statsmodels_on_real_votes(real_votes: Votes) -> None:
    fit = bradley_terry(PairCounts.of(real_votes))
    assert_allclose(sandwich(fit).covariance, regression(real_votes), atol=1e-6)


def test_new_questions_and_raters_widen_the_interval_on_real_votes(real_votes: Votes) -> None:
    """About 55 points become 94 for GPT 4: the project's facts."""
    fit = bradley_terry(PairCounts.of(real_votes))
    gpt4 = fit.models.index("GPT 4")
    uncertainty = clustered(fit, real_votes)
    assert uncertainty.df == 12
    assert uncertainty.quantile() == pytest.approx(2.17881, abs=1e-5)
    assert uncertainty.quantile() * uncertainty.error[gpt4] == pytest.approx(94.48, abs=0.01)
    assert np.mean(uncertainty.error > sandwich(fit).error) > 0.8


def slow_clusters(votes: Votes, *labels: Labels) -> NDArray[np.float64]:
    """Return the meat of votes clustered by all labels at once, vote by vote."""
    fit = bradley_terry(PairCounts.of(votes))
    totals: dict[tuple[int, ...], NDArray[np.float64]] = {}
    for row, (a, b, score) in enumerate(zip(votes.a, votes.b, votes.scores, strict=True)):
        own = totals.setdefault(
            tuple(int(label.codes[row]) for label in labels), np.zeros(len(votes.models))
        )
        residual = score - fit.expected[a, b]
        own[a] += residual
        own[b] -= residual
    return np.asarray(sum(np.outer(total, total) for total in totals.values()))


def test_clusters_by_question_and_rater_less_both() -> None:
    generator = np.random.default_rng(5)
    pairs = np.array([generator.permutation(4)[:2] for _ in range(400)])
    question = Labels.of(generator.integers(12, size=400))
    rater = Labels.of(generator.integers(9, size=400))
    votes = Votes.from_arrays(
        tuple("ABCD"), pairs, generator.integers(3, size=400), question=question, rater=rater
    )
    fit = bradley_terry(PairCounts.of(votes))
    weight = fit.counts.votes * np.nan_to_num(fit.expected * (1 - fit.expected))
    bread = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    meat = (
        slow_clusters(votes, question) * 12 / 11
        + slow_clusters(votes, rater) * 9 / 8
        - slow_clusters(votes, question, rater)
    )
    covariance = POINTS**2 * bread @ meat @ bread
    uncertainty = clustered(fit, votes)
    assert uncertainty.df == 8
    assert_allclose(uncertainty.error, np.sqrt(np.diag(covariance)))


@pytest.mark.parametrize("swapped", [False, True], ids=["as cast", "seats swapped"])
def test_clusters_that_cancel_leave_the_error_of_these_votes(*, swapped: bool) -> None:
    """Three wins to one in each cluster add up to nothing, but for rounding."""
    cluster = Labels.of(np.repeat(["one", "two"], 4))
    pairs, outcome = np.array([[0, 1]] * 8), np.array([0, 0, 0, 1] * 2)
    if swapped:
        pairs, outcome = pairs[:, ::-1], 1 - outcome
    votes = Votes.from_arrays(("A", "B"), pairs, outcome, question=cluster, rater=cluster)
    fit = bradley_terry(PairCounts.of(votes))
    assert_allclose(clustered(fit, votes).error, sandwich(fit).error)
    assert_allclose(clustered(fit, votes).difference_error, sandwich(fit).difference_error)


def test_a_vote_without_question_is_a_question_of_its_own() -> None:
    votes = Votes.from_arrays(
        ("A", "B"),
        [[0, 1]] * 4,
        [0, 1, 0, 2],
        question=Labels.of(["q1", None, None, "q1"]),
        rater=Labels.of(["ann", "ben", None, "ann"]),
    )
    assert clustered(bradley_terry(PairCounts.of(votes)), votes).df == 2  # of 3 questions, 3 raters


def test_an_anchor_has_no_error_and_the_others_that_of_their_gap() -> None:
    votes = Votes.from_arrays(tuple("ABC"), [[0, 1], [1, 2], [2, 0], [0, 1]], [0, 0, 0, 2])
    counts = PairCounts.of(votes)
    free = sandwich(bradley_terry(counts))
    held = sandwich(bradley_terry(counts, anchor=("B", 1000)))
    assert_allclose(held.error, free.difference_error[1])
    assert held.error[1] == 0


def test_only_ties_leave_nothing_to_doubt_in_these_votes() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 3, [2, 2, 3])
    assert_allclose(sandwich(bradley_terry(PairCounts.of(votes))).error, 0)


def test_models_apart_have_no_interval() -> None:
    votes = Votes.from_arrays(tuple("ABCDE"), [[0, 1], [2, 3], [0, 4]], [2, 2, 0])
    uncertainty = sandwich(bradley_terry(PairCounts.of(votes)))
    assert np.isnan(uncertainty.difference_error[0, 2])
    assert np.isnan(uncertainty.error).tolist() == [False] * 4 + [True]
    assert uncertainty.difference_error[0, 1] == 0


@pytest.mark.parametrize(
    ("questions", "raters", "enough"), [(8, 5, True), (7, 5, False), (8, 4, False)]
)
def test_clusters_need_8_questions_and_5_raters(
    questions: int, raters: int, *, enough: bool
) -> None:
    rows = np.arange(56)
    labels = {"question": Labels.of(rows % questions), "rater": Labels.of(rows % raters)}
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 56, [2] * 56, **labels)
    assert can_cluster(votes) is enough


def test_a_log_without_raters_cannot_be_clustered() -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]], [2])
    assert not can_cluster(votes)
    with pytest.raises(ValueError, match="no questions or no raters"):
        clustered(bradley_terry(PairCounts.of(votes)), votes)


@given(st.from_type(Votes))
def test_every_vote_twice_halves_the_variance(votes: Votes) -> None:
    twice = votes.take(np.tile(np.arange(len(votes)), 2))
    one = sandwich(bradley_terry(PairCounts.of(votes)))
    two = sandwich(bradley_terry(PairCounts.of(twice)))
    assert_allclose(two.covariance, one.covariance / 2, atol=1e-6)


def test_661_of_1711_pairs_of_real_models_are_told_apart_for_new_ones(real_votes: Votes) -> None:
    """The count with clusters and the t quantile, in the project's facts."""
    fit = bradley_terry(PairCounts.of(real_votes))
    uncertainty = clustered(fit, real_votes)
    lead = fit.ratings[:, None] - fit.ratings
    assert (lead > uncertainty.quantile() * uncertainty.difference_error).sum() == 661


@given(st.from_type(Votes))
def test_clusters_always_give_an_error_where_the_sandwich_does(votes: Votes) -> None:
    fit = bradley_terry(PairCounts.of(votes))
    assume(votes.question is not None and votes.rater is not None)
    new, these = clustered(fit, votes), sandwich(fit)
    enough = new.df > 0
    assert np.array_equal(np.isnan(new.error), np.isnan(these.error)) or not enough
    assert not np.any(new.error[these.error > 0] == 0)
