"""Mean ranks: scipy's Friedman test, a published critical value, and incomplete designs."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import friedmanchisquare

from ratings.borda import mean_ranks
from ratings.votes import Votes


def complete_study(n_models: int, n_questions: int, seed: int = 0) -> pd.DataFrame:
    """Return one vote for each pair on each question, seats drawn, the better model likelier."""
    generator = np.random.default_rng(seed)
    rows = []
    for question in range(n_questions):
        for pair in combinations(range(n_models), 2):
            seats = generator.permutation(pair)
            said = generator.choice(["model_a", "tie", "model_b"], p=[0.5, 0.2, 0.3])
            if said != "tie" and seats[0] > seats[1]:
                said = "model_b" if said == "model_a" else "model_a"
            rows.append((f"q{question}", f"m{seats[0]}", f"m{seats[1]}", said))
    return pd.DataFrame(rows, columns=["question_id", "model_a", "model_b", "winner"])


def points_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return points by question and model, counted row by row."""
    score = frame["winner"].map({"model_a": 1.0, "tie": 0.5, "model_b": 0.0})
    by_a = frame.assign(model=frame["model_a"], points=score)
    by_b = frame.assign(model=frame["model_b"], points=1 - score)
    both = pd.concat([by_a, by_b])
    return both.pivot_table(index="question_id", columns="model", values="points", aggfunc="sum")


def test_friedman_agrees_with_scipy() -> None:
    frame = complete_study(5, 12)
    statistic, p = friedmanchisquare(*points_of(frame).to_numpy().T)
    ranked = mean_ranks(Votes.from_frame(frame))
    assert ranked.friedman == pytest.approx(statistic)
    assert ranked.p == pytest.approx(p)


def test_mean_ranks_are_those_counted_row_by_row() -> None:
    frame = complete_study(6, 9)
    ranked = mean_ranks(Votes.from_frame(frame))
    points = points_of(frame)
    expected = points.rank(axis=1, ascending=False).mean()
    assert_allclose(ranked.mean_rank, expected[list(ranked.models)])
    assert_allclose(ranked.points, points.mean()[list(ranked.models)] / 5)
    assert ranked.mean_rank.sum() == pytest.approx(6 * 7 / 2)


def test_critical_difference_agrees_with_the_published_example() -> None:
    """4 models on 14 questions at 5 %: 1.25 in section 3.2.2 of the reference in the module."""
    ranked = mean_ranks(Votes.from_frame(complete_study(4, 14)))
    assert ranked.critical_difference == pytest.approx(1.25, abs=5e-3)


def test_several_votes_on_a_pair_and_question_count_together() -> None:
    frame = complete_study(4, 5)
    thrice = pd.concat([frame] * 3)
    once, again = (mean_ranks(Votes.from_frame(log)) for log in (frame, thrice))
    assert_allclose(again.mean_rank, once.mean_rank)
    assert again.questions == 5


def test_a_question_on_which_a_pair_never_met_is_left_out() -> None:
    frame = complete_study(4, 6)
    ranked = mean_ranks(Votes.from_frame(frame[1:]))
    assert (ranked.questions, ranked.left_out) == (5, 1)
    assert_allclose(
        ranked.mean_rank,
        mean_ranks(Votes.from_frame(frame[frame["question_id"] != "q0"])).mean_rank,
    )


def test_without_a_complete_question_there_are_no_ranks() -> None:
    ranked = mean_ranks(Votes.from_frame(complete_study(4, 1)[1:]))
    assert (ranked.questions, ranked.left_out) == (0, 1)
    assert np.isnan(ranked.mean_rank).all()
    assert np.isnan(ranked.p)


def test_votes_that_all_lack_a_question_give_no_ranks() -> None:
    ranked = mean_ranks(Votes.from_frame(complete_study(4, 1).assign(question_id=None)))
    assert (ranked.questions, ranked.left_out) == (0, 0)
    assert np.isnan(ranked.mean_rank).all()


def test_only_ties_share_every_rank() -> None:
    ranked = mean_ranks(Votes.from_frame(complete_study(3, 4).assign(winner="tie")))
    assert_allclose(ranked.mean_rank, 2)
    assert np.isnan(ranked.friedman)


def test_a_log_without_questions_is_refused() -> None:
    with pytest.raises(ValueError, match="no questions"):
        mean_ranks(Votes.from_frame(complete_study(3, 2).drop(columns="question_id")))
