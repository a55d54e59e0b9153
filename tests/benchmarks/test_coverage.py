"""Coverage: the two truths, and every bound that a row can break."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import coverage
from benchmarks.coverage import (
    DESIGNS,
    STRENGTHS,
    Design,
    faults,
    measured,
    simulated,
    truth,
    truth_of_these,
)
from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts

GOOD = {
    "these: plain %": 95.0,
    "new: plain %": 80.0,
    "new: clustered %": 95.0,
    "these: plain +-": 0.2,
    "new: plain +-": 0.2,
    "new: clustered +-": 0.2,
}


def test_without_tastes_the_truth_is_the_strengths_themselves() -> None:
    assert_allclose(truth(Design(2400)), STRENGTHS - STRENGTHS.mean() + 1000, atol=1e-6)


def test_tastes_pull_the_truth_together() -> None:
    assert np.ptp(truth(Design(2400, 50, 20))) < np.ptp(truth(Design(2400)))


def test_many_tastes_of_these_are_the_truth_of_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "OF_RATER", 0.0)
    tastes = np.random.default_rng(0).normal(0.0, coverage.OF_QUESTION, (20_000, len(STRENGTHS)))
    no_taste = np.zeros((1, len(STRENGTHS)))
    assert_allclose(truth_of_these(tastes, no_taste), truth(Design(2400, 50, 1)), atol=3.0)


def test_endless_votes_say_what_these_questions_and_raters_would() -> None:
    study = simulated(Design(400_000, 13, 5), np.random.default_rng(1))
    assert_allclose(bradley_terry(PairCounts.of(study.votes)).ratings, study.truth, atol=6.0)


def test_independent_votes_have_no_clusters_to_measure() -> None:
    row = measured(Design(300), 3)
    assert row["new: plain %"] is row["new: clustered %"] is row["errors wider"] is None
    assert 0 < float(row["these: plain %"] or 0) <= 100


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({}, [], id="all held"),
        pytest.param({"these: plain %": 93.5}, ["these: plain"], id="plain too narrow"),
        pytest.param({"these: plain %": 96.5}, ["these: plain"], id="plain too wide"),
        pytest.param({"new: clustered %": 93.5}, ["new: clustered"], id="clustered too narrow"),
        pytest.param({"new: clustered %": 97.5}, ["new: clustered"], id="clustered too wide"),
        pytest.param({"new: plain %": 88.5}, ["new: plain"], id="plain would have done"),
        pytest.param({"new: plain %": 88.3}, [], id="within the simulation's error"),
    ],
)
def test_every_bound_is_watched(change: dict[str, float], says: list[str]) -> None:
    found = faults(Design(2400, 50, 20), GOOD | change)
    assert [fault.split(": ", 1)[1].split(" %")[0] for fault in found] == says


def test_a_wide_design_may_lie_above_the_bound_and_not_under() -> None:
    wide = Design(6000, 13, 5, wide=True)
    assert faults(wide, GOOD | {"new: clustered %": 98.0}) == []
    assert len(faults(wide, GOOD | {"new: clustered %": 93.0})) == 1


def test_only_a_thin_design_claims_nothing_of_the_plain_interval() -> None:
    assert faults(Design(2400, 50, 20, thin=True), GOOD | {"new: plain %": 89.0}) == []
    assert [design for design in DESIGNS if design.thin] == [Design(2400, 50, 20, thin=True)]


def test_only_five_raters_with_many_votes_are_let_off_the_upper_bound() -> None:
    assert all(design.raters == 5 and design.votes == 6000 for design in DESIGNS if design.wide)
