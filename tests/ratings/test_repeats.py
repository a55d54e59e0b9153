"""Repeats: only one rater's votes on one item meet, and seats matter only where said."""

import math

import pandas as pd

from ratings.columns import Labels
from ratings.repeats import self_agreement
from ratings.votes import Votes


def repeated(*rows: tuple[str, str, str, str]) -> Votes:
    """Return votes on Gemma and Qwen from (rater, question, seat A, winner)."""
    frame = pd.DataFrame(rows, columns=["judge", "question_id", "model_a", "winner"])
    other = frame["model_a"].map({"Gemma": "Qwen", "Qwen": "Gemma"})
    return Votes.from_frame(frame.assign(model_b=other))


def test_the_same_model_from_the_other_seat_is_the_same_outcome() -> None:
    found = self_agreement(
        repeated(("ann", "q", "Gemma", "model_a"), ("ann", "q", "Qwen", "model_b"))
    )
    assert (found.tie_discounted, found.exact, found.swapped) == (1, 1, 1)
    assert math.isnan(found.kept)


def test_a_left_clicker_agrees_with_nothing_swapped() -> None:
    found = self_agreement(
        repeated(
            ("ann", "q1", "Gemma", "model_a"),
            ("ann", "q1", "Qwen", "model_a"),
            ("ann", "q2", "Gemma", "model_a"),
            ("ann", "q2", "Gemma", "model_a"),
        )
    )
    assert (found.swapped, found.kept, found.tie_discounted, found.repeats) == (0, 1, 0.5, 2)
    columns = "rater repeats tie_discounted exact swapped_pairs kept_pairs"
    assert list(found.by_rater.columns) == columns.split()
    assert found.by_rater.to_numpy().tolist() == [["ann", 2, 0.5, 0.5, 1, 1]]


def test_every_repeated_item_counts_alike() -> None:
    thrice = [("ann", "q1", "Gemma", winner) for winner in ("tie", "tie", "model_a")]
    twice = [("ben", "q1", "Gemma", "model_a"), ("ben", "q1", "Gemma", "model_b")]
    found = self_agreement(repeated(*thrice, *twice, ("cat", "q1", "Gemma", "tie")))
    assert found.tie_discounted == (2 / 3 + 0) / 2
    by_rater = found.by_rater.set_index("rater")
    assert by_rater["repeats"].to_dict() == {"ann": 1, "ben": 1}
    assert by_rater["kept_pairs"].to_dict() == {"ann": 3, "ben": 1}
    assert by_rater["swapped_pairs"].tolist() == [0, 0]


def test_two_raters_on_one_item_are_no_repeat() -> None:
    found = self_agreement(repeated(("ann", "q", "Gemma", "tie"), ("ben", "q", "Gemma", "tie")))
    assert found.repeats == 0
    assert math.isnan(found.tie_discounted)
    assert len(found.by_rater) == 0


def test_a_rater_may_vote_on_one_item_as_often_as_they_like() -> None:
    """A log may call everybody one name: pairs of such votes are too many to lay out."""
    times = 50_000
    votes = Votes.from_arrays(
        ("A", "B"),
        [[0, 1], [1, 0]] * times,
        [0, 2] * times,
        question=Labels.of(["q"] * 2 * times),
        rater=Labels.of(["all"] * 2 * times),
    )
    found = self_agreement(votes)
    assert (found.swapped, found.kept, found.repeats) == (0.5, 1.0, 1)
    assert found.by_rater["swapped_pairs"].tolist() == [times**2]
    assert found.by_rater["kept_pairs"].tolist() == [times * (times - 1)]


def test_a_log_without_raters_has_no_repeats() -> None:
    question = Labels.of(["q", "q"])
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 2, [0, 0], question=question)
    assert self_agreement(votes).repeats == 0
