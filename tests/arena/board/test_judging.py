"""Model judges beside people: each with all people, and nothing where no item is shared."""

from pathlib import Path
from typing import Any

import pytest

from arena.board import Choice
from arena.board.judging import judges_beside_people
from tests.arena.logs import vote, written


def votes(judge: str, winners: str, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # any field
    """Return one vote a question, each on its own: a, b or t."""
    spelled = {"a": "model_a", "b": "model_b", "t": "tie"}
    return [
        vote("oak", "pine", spelled[letter], judge=judge, question_id=f"q{number}", **more)
        for number, letter in enumerate(winners)
    ]


@pytest.fixture
def people() -> list[dict[str, Any]]:
    """Two people who agree on three of four questions."""
    return votes("ann", "aaab") + votes("ben", "aaaa")


def test_each_judge_stands_beside_people_alone(
    people: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows = [*people]
    rows += votes("good", "aaaa", rater_kind="model") + votes("bad", "bbbb", rater_kind="model")
    bad, good = judges_beside_people(written(tmp_path, *rows), Choice())
    assert (bad.judge, good.judge, bad.people) == ("bad", "good", 0.75)
    assert (bad.tie_discounted, good.tie_discounted) == (0.125, 0.875)
    assert (bad.deficit, good.deficit, good.items) == (0.625, -0.125, 4)


def test_without_both_there_is_nothing_to_compare(
    people: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert judges_beside_people(written(tmp_path, *people), Choice()) == ()
    judge = votes("good", "aaaa", rater_kind="model")
    assert judges_beside_people(written(tmp_path, *judge), Choice()) == ()


def test_a_choice_and_votes_with_the_names_shown_are_left_out(
    people: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows = [*people, *votes("seen", "aaaa", rater_kind="model", anony=False)]
    rows += votes("other", "aaaa", rater_kind="model", language="zh")
    assert judges_beside_people(written(tmp_path, *rows), Choice(language="en")) == ()
    (other,) = judges_beside_people(written(tmp_path, *rows), Choice())
    assert other.judge == "other"


def test_a_person_of_a_judge_s_name_is_a_person(
    people: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows = [*people, *votes("ann", "bbbb", rater_kind="model")]
    (ann,) = judges_beside_people(written(tmp_path, *rows), Choice())
    assert (ann.tie_discounted, ann.people, ann.items) == (0.125, 0.75, 4)
