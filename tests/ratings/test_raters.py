"""Raters two by two and one against all others: worked figures, and their pairs one by one."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ratings.columns import Labels
from ratings.overlap import shared_items
from ratings.raters import by_rater, by_rater_pair
from ratings.votes import Votes

SHARES = ["tie_discounted", "exact"]
THREE = Votes.from_frame(
    pd.DataFrame(
        [
            ("q0", "ann", "tie"),
            ("q1", "ann", "tie"),
            ("q0", "ben", "tie"),
            ("q1", "ben", "model_a"),
            ("q0", "cat", "model_a"),
        ],
        columns=["question_id", "judge", "winner"],
    ).assign(model_a="Gemma", model_b="Qwen")
)


def test_by_rater_pair_names_each_two_raters_once() -> None:
    found = by_rater_pair(shared_items(THREE), THREE)
    rows = found.set_index(["rater_1", "rater_2"])["tie_discounted"].to_dict()
    assert rows == {("ann", "ben"): 0.75, ("ann", "cat"): 0.5, ("ben", "cat"): 0.5}
    assert found["items"].tolist() == [2, 1, 1]


def test_by_rater_is_against_all_others() -> None:
    found = by_rater(shared_items(THREE), THREE).set_index("rater")
    assert found["tie_discounted"].to_dict() == {"ann": 0.625, "ben": 0.625, "cat": 0.5}
    assert found["rater_pairs"].tolist() == [3, 3, 2]
    assert found["items"].tolist() == [2, 2, 1]


@pytest.mark.parametrize("at_once", [1, 100_000])
@given(votes=st.from_type(Votes))
def test_raters_agree_as_their_pairs_of_votes_say_one_by_one(votes: Votes, at_once: int) -> None:
    shared = shared_items(votes)
    pairs = [
        (item, shared.rater[own], shared.rater[other], credit, float(credit == 1))
        for item in np.unique(shared.item)
        for own, other in permutations(np.flatnonzero(shared.item == item).tolist(), 2)
        for credit in [1 - abs(int(shared.stance[own]) - int(shared.stance[other])) / 2]
    ]
    said = pd.DataFrame(pairs, columns=["item", "rater", "other", *SHARES]).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ratings.overlap._ITEMS", at_once)
        alone, two = by_rater(shared_items(votes), votes), by_rater_pair(shared_items(votes), votes)
    names = Labels.of([]).names if votes.rater is None else votes.rater.names
    each = said.groupby(["rater", "item"])[SHARES].mean().groupby("rater")
    met = said[said["rater"] < said["other"]].groupby(["rater", "other"])
    for ours, theirs in ((alone, each), (two, met)):
        assert ours["items"].tolist() == theirs.size().tolist()
        assert_allclose(ours[SHARES].astype(float), theirs[SHARES].mean(), rtol=1e-12)
    assert alone["rater_pairs"].tolist() == said.groupby("rater").size().tolist()
    codes = each.size().reset_index()["rater"].astype(int)
    assert alone["rater"].tolist() == [names[code] for code in codes]
    for title, column in (("rater_1", "rater"), ("rater_2", "other")):
        codes = met.size().reset_index()[column].astype(int)
        assert two[title].tolist() == [names[code] for code in codes]
