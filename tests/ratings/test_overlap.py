"""Overlap: items two raters share, and each rater once on each."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from ratings.columns import Labels
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


def test_an_item_has_the_aspect_of_its_first_vote() -> None:
    """Also where a rater who comes later is known from before."""
    rows = [("p", "ann", "tone"), ("q", "ben", "facts"), ("q", "ann", "tone")]
    log = pd.DataFrame(rows, columns=["question_id", "judge", "aspect"])
    votes = Votes.from_frame(log.assign(model_a="G", model_b="Q", winner="tie"))
    assert votes.aspect is not None
    assert votes.aspect.names[shared_items(votes).aspect].tolist() == ["facts"]


def test_many_votes_take_little_memory() -> None:
    """With ten million of them, this is where a leaderboard takes the most."""
    source, many = np.random.default_rng(0), 200_000
    votes = Votes(
        ("Gemma", "Qwen", "Yi"),
        np.tile(np.array([[0, 1], [2, 1]], np.int32), (many // 2, 1)),
        np.zeros(many, np.int8),
        question=Labels.of(source.integers(10_000, size=many)),
        rater=Labels.of(source.integers(50, size=many)),
    )
    tracemalloc.start()
    try:
        shared_items(votes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak / many < 70  # bytes


def test_items_are_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = judged(
        *((question, "G", "Q", "tie", rater) for question in "pqr" for rater in "ab"),
        ("q", "G", "Q", "tie", "c"),
    )
    shared = shared_items(votes)
    for at_once, pieces in ((1, [2, 3, 2]), (2, [5, 2]), (5, [7])):
        monkeypatch.setattr("ratings.overlap._ITEMS", at_once)
        taken = list(shared.whole_items())
        assert [rows.stop - rows.start for rows, _ in taken] == pieces
        firsts = [item for rows, ends in taken for item in shared.item[rows][ends[:-1]].tolist()]
        assert firsts == [0, 1, 2]
