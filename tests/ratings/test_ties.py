"""Models of ties: second routes by statsmodels, limits, and what adds up."""

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from statsmodels.miscmodels.ordinal_model import OrderedModel

from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.ties import TieModel, davidson, rao_kupper
from ratings.votes import Votes

FITS = pytest.mark.parametrize("fit", [davidson, rao_kupper], ids=["Davidson", "Rao-Kupper"])


def busiest(votes: Votes, n_models: int) -> PairCounts:
    """Return the counts among the models with most votes."""
    counts = PairCounts.of(votes)
    kept = np.sort(np.argsort(-counts.votes.sum(axis=1))[:n_models])
    names = tuple(votes.models[code] for code in kept)
    return PairCounts(names, counts.seats[np.ix_(kept, kept, np.arange(4))])


def test_davidson_agrees_with_a_poisson_regression_on_real_votes(real_votes: Votes) -> None:
    """Statsmodels: the log-linear form, an intercept for every pair."""
    counts = busiest(real_votes, 16)
    first, second = np.nonzero(np.triu(counts.votes))
    kinds = np.stack(
        [counts.wins[first, second], counts.ties[first, second], counts.wins[second, first]]
    )
    rows = []
    for number, (i, j) in enumerate(zip(first, second, strict=True)):
        for lean, tie in ((0.5, 0.0), (0.0, 1.0), (-0.5, 0.0)):
            row = np.zeros(16 + 1 + len(first))
            row[i], row[j], row[16], row[17 + number] = lean, -lean, tie, 1.0
            rows.append(row)
    design = np.array(rows)[:, 1:]
    theirs = sm.GLM(kinds.T.ravel(), design, family=sm.families.Poisson()).fit(tol=1e-12)
    chances = theirs.fittedvalues.reshape(-1, 3)
    likelihood = (kinds.T * np.log(chances / chances.sum(axis=1, keepdims=True))).sum()
    ours = davidson(counts)
    assert ours.log_likelihood == pytest.approx(likelihood, abs=1e-4)
    assert_allclose(
        np.diff(ours.ratings[1:]) * np.log(10) / 400, np.diff(theirs.params[:15]), atol=1e-6
    )
    assert ours.parameters["nu"] == pytest.approx(np.exp(theirs.params[15]), abs=1e-6)


def test_rao_kupper_agrees_with_an_ordinal_regression_on_real_votes(real_votes: Votes) -> None:
    """Statsmodels: cumulative logits over every vote seen from both sides, which has two halves."""
    counts = PairCounts.of(real_votes)
    busy = np.argsort(-counts.votes.sum(axis=1))[:8]
    kept = real_votes.take(np.flatnonzero(np.isin(real_votes.pairs, busy).all(axis=1)))
    design = np.zeros((len(kept), 8))
    for column, model in enumerate(busy):
        design[:, column] = (kept.a == model).astype(int) - (kept.b == model)
    both_sides = np.concatenate([design, -design])[:, 1:]
    scores = np.concatenate([kept.scores, 1 - kept.scores])
    theirs = OrderedModel((2 * scores).astype(int), both_sides, distr="logit").fit(
        method="bfgs", maxiter=2000, gtol=1e-7, disp=False
    )
    ours = rao_kupper(PairCounts.of(kept))
    assert ours.log_likelihood == pytest.approx(theirs.llf / 2, abs=1e-4)


def test_one_pair_can_be_worked_out_by_hand() -> None:
    """Of 12 votes 6 wins, 3 ties, 3 losses: chances 1/2, 1/4, 1/4 in either model."""
    counts = PairCounts.of(
        Votes.from_arrays(("A", "B"), [[0, 1]] * 12, [0] * 6 + [2] * 3 + [1] * 3)
    )
    for fitted in (davidson(counts), rao_kupper(counts)):
        assert_allclose([fitted.win[0, 1], fitted.tie[0, 1], fitted.win[1, 0]], [0.5, 0.25, 0.25])
        assert fitted.log_likelihood == pytest.approx(6 * np.log(0.5) + 6 * np.log(0.25))
    assert davidson(counts).parameters["nu"] == pytest.approx(3 / np.sqrt(18))
    assert np.ptp(davidson(counts).ratings) == pytest.approx(400 * np.log10(2))


@pytest.mark.parametrize("times", [1, 1_000])
def test_a_pair_with_many_ties_and_a_clear_winner_has_a_maximum(times: int) -> None:
    """The chances of one pair are the shares of its votes."""
    outcome = [0] * 2 * times + [2] * 29 * times + [1] * 5 * times
    counts = PairCounts.of(Votes.from_arrays(("A", "B"), [[0, 1]] * 36 * times, outcome))
    for fitted in (davidson(counts), rao_kupper(counts)):
        chances = [fitted.win[0, 1], fitted.tie[0, 1], fitted.win[1, 0]]
        assert_allclose(chances, np.array([2, 29, 5]) / 36, atol=1e-9)


def test_half_ties_give_a_narrower_spread_than_either(real_votes: Votes) -> None:
    """Why the scales must not be mixed: the same votes spread wider among decided votes."""
    counts = PairCounts.of(real_votes)
    half = np.ptp(bradley_terry(counts).ratings)
    assert np.ptp(davidson(counts).ratings) > 1.5 * half
    assert np.ptp(rao_kupper(counts).ratings) > 1.2 * half
    assert "without a tie" in davidson(counts).scale
    assert davidson(counts).scale != rao_kupper(counts).scale


@FITS
def test_without_ties_it_is_bradley_terry(fit: Callable[[PairCounts], TieModel]) -> None:
    votes = Votes.from_arrays(tuple("ABC"), [[0, 1], [1, 2], [2, 0], [0, 1]], [0, 0, 0, 0])
    counts = PairCounts.of(votes)
    plain = bradley_terry(counts)
    assert_allclose(fit(counts).ratings, plain.ratings)
    assert fit(counts).log_likelihood == pytest.approx(plain.log_likelihood)
    assert_allclose(fit(counts).tie[0, 1], 0, atol=1e-12)


@FITS
def test_a_win_and_a_tie_without_a_loss_give_no_number(
    fit: Callable[[PairCounts], TieModel],
) -> None:
    fitted = fit(PairCounts.of(Votes.from_arrays(("A", "B"), [[0, 1]] * 2, [0, 2])))
    assert np.isnan(fitted.ratings).all()


@FITS
def test_only_ties_give_no_number(fit: Callable[[PairCounts], TieModel]) -> None:
    fitted = fit(PairCounts.of(Votes.from_arrays(("A", "B"), [[0, 1]] * 3, [2, 2, 3])))
    assert np.isnan(fitted.ratings).all()
    assert np.isnan(fitted.log_likelihood)


def test_both_bad_can_be_an_outcome_of_its_own() -> None:
    outcome = [0] * 4 + [1] * 4 + [2] * 2 + [3] * 6
    counts = PairCounts.of(Votes.from_arrays(("A", "B"), [[0, 1]] * 16, outcome))
    own, merged = davidson(counts, own_both_bad=True), davidson(counts)
    assert own.parameters == pytest.approx({"nu": 0.5, "nu_both_bad": 1.5})
    assert_allclose([own.win[0, 1], own.tie[0, 1], own.both_bad[0, 1]], [1 / 4, 1 / 8, 3 / 8])
    assert_allclose([merged.tie[0, 1], merged.both_bad[0, 1]], [1 / 2, 0], atol=1e-12)


@FITS
@given(votes=st.from_type(Votes))
def test_the_chances_of_a_pair_add_up_to_one(
    fit: Callable[[PairCounts], TieModel], votes: Votes
) -> None:
    fitted = fit(PairCounts.of(votes))
    known = ~np.isnan(fitted.win)
    total = fitted.win + fitted.win.T + fitted.tie + fitted.both_bad
    assert_allclose(total[known], 1)


@given(votes=st.from_type(Votes))
def test_davidson_expects_as_many_ties_as_there_were(votes: Votes) -> None:
    counts = PairCounts.of(votes)
    fitted = davidson(counts)
    known = ~np.isnan(fitted.tie)
    tied = np.where(known, counts.ties + counts.both_bad, 0).sum()
    assert_allclose(np.where(known, counts.votes * fitted.tie, 0).sum(), tied, atol=1e-6)
