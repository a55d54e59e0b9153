"""Logs on which other tools give a number that means nothing: what every estimator does with them.

A model has a rating where a chain of wins or ties leads from it to others and back; else none, in
any estimator but Elo, which rates whatever it is given.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ratings.bootstrap import bootstrap
from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.elo import elo_ratings
from ratings.intervals import clustered, sandwich
from ratings.leaderboard import leaderboard
from ratings.ties import davidson, rao_kupper
from ratings.votes import Votes

Wins = list[tuple[str, str, int]]  # winner, loser, times

ABC: Wins = [("B", "C", 2), ("C", "B", 2)]
LOGS: dict[str, tuple[Wins, str]] = {  # the votes, and the models that can be rated
    "no votes": ([], ""),
    "a single vote": ([("A", "B", 1)], ""),
    "a model that won all": ([("A", "B", 3), ("A", "C", 3), *ABC], "BC"),
    "a model that lost all": ([("B", "A", 3), ("C", "A", 3), *ABC], "BC"),
    "two sets that never met": (
        [("A", "B", 2), ("B", "A", 1), ("C", "D", 3), ("D", "C", 1)],
        "ABCD",
    ),
    "a bridge in one direction": (
        [("A", "B", 2), ("B", "A", 1), ("C", "D", 3), ("D", "C", 1), ("A", "C", 5)],
        "ABCD",
    ),
}
each_log = pytest.mark.parametrize(("wins", "rated"), LOGS.values(), ids=LOGS.keys())


def votes_of(wins: Wins) -> Votes:
    rows = [(winner, loser) for winner, loser, times in wins for _ in range(times)]
    frame = pd.DataFrame(rows, columns=["model_a", "model_b"], dtype="str")
    numbers = pd.Series(range(len(rows)), dtype="str")
    return Votes.from_frame(
        frame.assign(winner="model_a", question_id=numbers, judge=numbers.str[-1:])
    )


@each_log
def test_only_models_that_can_be_compared_have_a_number(wins: Wins, rated: str) -> None:
    votes = votes_of(wins)
    counts = PairCounts.of(votes)
    fit = bradley_terry(counts)
    numbers = {
        "Bradley-Terry": fit.ratings,
        "Davidson": davidson(counts).ratings,
        "Rao-Kupper": rao_kupper(counts).ratings,
        "these votes": sandwich(fit).error,
        "new questions and raters": clustered(fit, votes).error,
    }
    for name, found in numbers.items():
        known = [votes.models[place] for place in np.flatnonzero(~np.isnan(found))]
        assert "".join(known) == rated, name
    drawn = bootstrap(fit, rounds=20).ratings
    assert np.isnan(drawn[:, np.isnan(fit.ratings)]).all()


@each_log
def test_the_leaderboard_says_why_a_model_has_no_number(wins: Wins, rated: str) -> None:
    board = leaderboard(votes_of(wins), orders=0)
    without = board.rows.loc[board.rows["rating"].isna(), "model"].tolist()
    assert sorted(without) == sorted(set(votes_of(wins).models) - set(rated))
    assert all(any(model in note for note in board.notes) for model in without)


@each_log
def test_elo_rates_whatever_it_is_given(wins: Wins, rated: str) -> None:
    votes = votes_of(wins)
    ratings = elo_ratings(votes)
    assert len(ratings) == len(votes.models) >= len(rated)
    assert np.isfinite(ratings).all()


@pytest.mark.parametrize(
    "wins", [LOGS["two sets that never met"][0], LOGS["a bridge in one direction"][0]]
)
def test_nothing_is_said_between_sets_that_share_no_scale(wins: Wins) -> None:
    fit = bradley_terry(PairCounts.of(votes_of(wins)))
    assert fit.ratings[0] - fit.ratings[1] == pytest.approx(120.411998)  # 400 log10(2), any level
    assert np.isnan(fit.expected[0, 2])
    assert np.isnan(sandwich(fit).difference_error[1, 3])


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        pytest.param("winner", "banana", "winner is 'banana'", id="an unknown winner"),
        pytest.param("winner", float("nan"), "winner is empty", id="nan for a winner"),
        pytest.param("winner", "Model_A ", "winner is 'Model_A'", id="a winner in other letters"),
        pytest.param("model_b", float("nan"), "model_b is empty", id="nan for a model"),
        pytest.param("model_b", None, "model_b is empty", id="None for a model"),
        pytest.param("model_b", "A", "'A' meets itself", id="a model against itself"),
    ],
)
@pytest.mark.parametrize("arrow", [False, True], ids=["frame", "Arrow table"])
def test_a_row_that_is_no_vote_refuses_the_log(
    column: str, value: object, says: str, *, arrow: bool
) -> None:
    frame = pd.DataFrame({"model_a": ["A"] * 3, "model_b": ["B"] * 3, "winner": ["tie"] * 3})
    frame[column] = pd.Series(["tie" if column == "winner" else "B"] * 2 + [value], dtype=object)
    read: Any = Votes.from_arrow if arrow else Votes.from_frame
    log = pa.Table.from_pandas(frame) if arrow else frame
    with pytest.raises(ValueError, match=f"row 3: {says}"):
        read(log)


def test_only_ties_are_equal_models_without_doubt_in_these_votes() -> None:
    counts = PairCounts.of(Votes.from_arrays(("A", "B"), [[0, 1]] * 4, [2, 3, 2, 2]))
    fit = bradley_terry(counts)
    assert fit.ratings.tolist() == [1000, 1000]
    assert sandwich(fit).error.tolist() == [0, 0]
    assert np.isnan(davidson(counts).ratings).all()  # ties alone say nothing of wins
