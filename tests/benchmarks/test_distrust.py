"""Distrust: what is stated stands on the page, and what has moved is a fault."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks.distrust import (
    FAILING,
    TRUE,
    arithmetic,
    balanced,
    davidson_table,
    failing,
    figure,
    measure,
    off,
)
from ratings.counts import PairCounts
from ratings.ties import davidson

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ratings.md").read_text("utf-8")


def test_every_figure_it_makes_again_stands_on_the_page() -> None:
    rows = measure(2).rows
    assert len(rows) > 40
    assert [row["figure"] for row in rows if f"{row['stated']:g}" not in PAGE] == []


@pytest.mark.parametrize(
    ("found", "held"),
    [([9.0, 11.0, 10.0], True), ([19.0, 21.0, 20.0], False), (10.4, True), (10.6, False)],
    ids=["about it", "far from it", "within its rounding", "beyond its rounding"],
)
def test_a_figure_holds_within_its_rounding_and_three_errors(
    found: float | list[float], *, held: bool
) -> None:
    assert figure("points", 10.0, found, 0.5)["held"] is held


def test_what_needs_no_luck_holds() -> None:
    assert all(row["held"] for row in arithmetic(0))


def test_ratings_that_are_right_are_off_by_nothing() -> None:
    assert off(TRUE) == 0
    assert off(TRUE + 3) == pytest.approx(3)


def test_every_pair_of_a_balanced_log_met_equally_often() -> None:
    (log,) = balanced(1200, 1)
    assert set(PairCounts.of(log).votes[np.triu_indices(16, 1)]) == {10}


def test_the_table_of_davidson_has_its_strengths_and_30_percent_ties() -> None:
    logit = np.linspace(-2.0, 2.0, 16)
    counts = davidson_table(logit)
    assert counts.ties.sum() / counts.votes.sum() == pytest.approx(0.3)
    ratings = davidson(counts).ratings
    assert_allclose(ratings, 1000 + logit * 400 / np.log(10), atol=1e-6)


def test_a_model_that_never_fails_keeps_its_strength() -> None:
    assert_allclose(failing(0.0), TRUE, atol=1e-6)
    assert failing(0.05)[FAILING] < TRUE[FAILING]
