"""Judges: worked figures, and a judge that is one of the people."""

import numpy as np
import pandas as pd
import pytest

from ratings.agreement import agreement
from ratings.judges import judge_agreement
from ratings.votes import Votes


def judged(**said: list[str]) -> Votes:
    """Return votes of several raters on one pair, one question after the other."""
    rows = [
        {"question_id": f"q{number}", "judge": rater, "winner": winner}
        for rater, outcomes in said.items()
        for number, winner in enumerate(outcomes)
        if winner
    ]
    return Votes.from_frame(pd.DataFrame(rows).assign(model_a="Gemma", model_b="Qwen"))


def test_a_worked_example() -> None:
    """The judge is half right on q0, wrong on q1; people agree on q0 and half on q1; q2 has one."""
    found = judge_agreement(
        judged(
            robot=["model_a", "model_a", "tie"],
            ann=["tie", "model_b", "both_bad"],
            ben=["tie", "tie", ""],
        ),
        "robot",
    )
    assert found.tie_discounted == pytest.approx((0.5 + 0.25 + 1) / 3)
    assert (found.items, found.paired_items, found.paired_questions) == (3, 2, 2)
    assert found.people == pytest.approx((1 + 0.5) / 2)
    assert found.deficit == pytest.approx(0.75 - 0.375)
    assert found.deficit_lower <= found.deficit <= found.deficit_upper
    assert found.tie_rate == pytest.approx(1 / 3)


def test_a_judge_that_copies_a_person_has_no_deficit() -> None:
    generator = np.random.default_rng(0)
    said = {name: generator.choice(["model_a", "tie", "model_b"], 200).tolist() for name in "abc"}
    found = judge_agreement(judged(robot=said["a"], **said), "robot")
    assert found.deficit < 0  # it agrees with a in full, as no two people do
    assert found.deficit_upper < 0


def test_one_of_the_people_as_judge_has_about_their_agreement(real_votes: Votes) -> None:
    assert real_votes.rater is not None
    busiest = real_votes.rater.names[int(np.bincount(real_votes.rater.codes).argmax())]
    found = judge_agreement(real_votes, str(busiest), rounds=200)
    by_rater = agreement(real_votes, rounds=10).by_rater.set_index("rater")
    assert found.tie_discounted == pytest.approx(by_rater.loc[busiest, "tie_discounted"])
    assert found.deficit_lower < found.deficit < found.deficit_upper


def test_a_judge_of_other_items_has_no_figures() -> None:
    found = judge_agreement(judged(robot=["", "tie"], ann=["tie", ""]), "robot")
    assert (found.items, found.paired_items) == (0, 0)
    assert np.isnan(found.tie_discounted)
    assert np.isnan(found.deficit)


def test_an_unknown_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="no vote is by 'robot'"):
        judge_agreement(judged(ann=["tie"]), "robot")
