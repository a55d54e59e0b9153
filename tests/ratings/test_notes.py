"""Notes: what an interval means, and where the wrong one of two is the wider."""

from dataclasses import replace

import pytest

from ratings.bradley_terry import BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.intervals import Uncertainty, sandwich
from ratings.notes import interval_name, notes_on
from ratings.votes import Votes


@pytest.fixture
def fit() -> BradleyTerry:
    pairs = [[0, 1], [1, 2], [2, 0]] * 4
    return bradley_terry(PairCounts.of(Votes.from_arrays(tuple("ABC"), pairs, [0] * 12)))


def clustered_as(fit: BradleyTerry, times: float, df: float) -> Uncertainty:
    these = sandwich(fit)
    return replace(these, kind="clustered", error=these.error * [times, 1.0, 1.0], df=df)


def test_a_wider_question_with_a_narrower_answer_is_named(fit: BradleyTerry) -> None:
    new = clustered_as(fit, 0.5, float("inf"))
    (note,) = notes_on(fit, "rating", new=new, these=sandwich(fit), band=True)
    assert note == (
        "The interval for new questions and raters came out narrower than that of these votes "
        "alone for 1 of 3 models; read the wider of the two."
    )


def test_widths_are_compared_not_errors(fit: BradleyTerry) -> None:
    """With 4 degrees of freedom the quantile is 2.78, not 1.96: 0.9 of an error is wider."""
    new = clustered_as(fit, 0.9, 4.0)
    assert notes_on(fit, "rating", new=new, these=sandwich(fit), band=True) == []


def test_an_interval_is_not_narrower_than_itself(fit: BradleyTerry) -> None:
    these = sandwich(fit)
    assert notes_on(fit, "rating", new=these, these=these, band=True) == []


def test_an_interval_says_which_question_it_answers(fit: BradleyTerry) -> None:
    assert interval_name(sandwich(fit)) == "sandwich: these votes only, 95 %"
    assert interval_name(clustered_as(fit, 2.0, 4.0)) == (
        "clustered: new questions and new raters, 95 %, t quantile with 4 degrees of freedom"
    )
