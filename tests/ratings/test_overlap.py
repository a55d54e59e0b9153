"""Overlap: items two raters share, and each rater once on each."""

import pandas as pd

from ratings.overlap import shared_items, stances
from ratings.votes import Votes


def judged(*rows: tuple[str, str, str, str, str]) -> Votes:
    """Return votes from (question, model A, model B, winner, rater)."""
    names = ["question_id", "model_a", "model_b", "winner", "judge"]
    return Votes.from_frame(pd.DataFrame(rows, columns=names))


def test_a_stance_does_not_know_the_seats() -> None:
    votes = judged(
        ("q", "G", "Q", "model_a", "ann"),
        ("q", "Q", "G", "model_a", "ben"),
        ("q", "Q", "G", "both_bad", "cat"),
    )
    assert stances(votes).tolist() == [1, -1, 0]


def test_items_of_one_rater_are_left_out() -> None:
    shared = shared_items(
        judged(
            ("q1", "G", "Q", "model_a", "ann"),
            ("q2", "G", "Q", "model_b", "ann"),
            ("q2", "Q", "G", "both_bad", "ben"),
        )
    )
    assert shared.tallies.tolist() == [[0, 0, 1, 1]]


def test_the_first_vote_of_a_rater_on_an_item_counts() -> None:
    shared = shared_items(
        judged(
            ("q", "G", "Q", "model_a", "ann"),
            ("q", "G", "Q", "model_b", "ann"),
            ("q", "G", "Q", "tie", "ben"),
        )
    )
    assert shared.tallies.tolist() == [[1, 1, 0, 0]]


def test_a_vote_without_rater_is_left_out() -> None:
    votes = judged(("q", "G", "Q", "tie", "ann"), ("q", "G", "Q", "tie", ""))
    assert len(shared_items(votes).tallies) == 0


def test_three_raters_make_three_pairs() -> None:
    votes = judged(*(("q", "G", "Q", winner, winner) for winner in ("model_a", "tie", "model_b")))
    pairs = shared_items(votes).pairs()
    stance_pairs = zip(pairs.stance_1, pairs.stance_2, strict=True)
    assert sorted((max(pair), min(pair)) for pair in stance_pairs) == [(0, -1), (1, -1), (1, 0)]
