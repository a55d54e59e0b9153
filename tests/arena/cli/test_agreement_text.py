"""`arena agreement`: what it says of raters, and what it does not."""

import json
from pathlib import Path

import pytest

from tests.arena.cli.conftest import SIMULATED, Arena
from tests.arena.logs import vote, written


def test_one_item_is_no_plural(arena: Arena, tmp_path: Path) -> None:
    rows = [vote("oak", "pine", "tie", judge=j, question_id="q1") for j in ("ann", "ben")]
    assert "on 1 item rated twice" in " ".join(
        arena("leaderboard", written(tmp_path, *rows)).stdout.split()
    )


def test_agreement_of_real_raters(arena: Arena, real_votes: Path) -> None:
    run = arena("agreement", real_votes, "--format", "json")
    found = json.loads(run.stdout)
    assert found["tie_discounted"] == pytest.approx(0.69785, abs=5e-6)
    assert {"kappa", "alpha", "chance", "by_rater_pair", "by_aspect"} <= set(found)


@pytest.mark.parametrize(
    ("form", "says"),
    [("table", "tie discounted"), ("csv", "tie_discounted,lower"), ("latex", r"\begin{tabular}")],
)
def test_agreement_in_other_formats(arena: Arena, form: str, says: str) -> None:
    assert says in arena("agreement", SIMULATED, "-f", form).stdout


def test_intervals_of_aspects_say_how_many_questions_they_take(arena: Arena) -> None:
    said = arena("agreement", SIMULATED).stdout
    assert "an interval from fewer than 8 questions is too narrow" in said


def test_agreement_says_what_else_is_known_of_the_raters(arena: Arena, real_votes: Path) -> None:
    found = json.loads(arena("agreement", real_votes, "--format", "json").stdout)
    assert (found["items_needed"] > found["items"], found["questions_needed"] > 13) == (True, True)
    assert found["weighting"]["item"] == found["tie_discounted"] != found["weighting"]["pair"]
    assert found["judges"] == []
    assert {"self_agreement", "repeats", "by_rater", "self_by_rater", "ac2"} <= set(found)


def rated_twice(folder: Path, questions: int, *, swapped: bool = False) -> Path:
    """Two raters who agree on every second question; ann judges each twice, alike as a copy is."""
    rows = []
    for number in range(questions):
        about = {"question_id": f"q{number}", "item_id": f"i{number}"}
        bens = "model_b" if number % 2 else "model_a"
        rows += [vote("oak", "pine", "model_a", judge="ann", **about)]
        rows += [vote("oak", "pine", bens, judge="ben", **about)]
        again = ("pine", "oak", "model_b") if swapped else ("oak", "pine", "model_a")
        rows += [vote(*again, judge="ann", **about)]
    return written(folder, *rows)


@pytest.mark.parametrize(("questions", "few"), [(7, True), (8, False)])
def test_an_interval_from_few_questions_is_called_too_narrow(
    arena: Arena, tmp_path: Path, questions: int, *, few: bool
) -> None:
    log, note = rated_twice(tmp_path, questions), f"from {questions} questions only and too narrow"
    assert (note in " ".join(arena("agreement", log).stdout.split())) == few
    assert (f"% The interval is {note}" in arena("agreement", log, "-f", "latex").stdout) == few
    assert len(json.loads(arena("agreement", log, "-f", "json").stdout)["notes"]) == few


@pytest.mark.parametrize("swapped", [True, False])
def test_only_repeats_with_the_seats_swapped_are_a_ceiling(
    arena: Arena, tmp_path: Path, *, swapped: bool
) -> None:
    said = arena("agreement", rated_twice(tmp_path, 8, swapped=swapped)).stdout
    assert ("the ceiling of the first line" in said) == swapped
    assert ("rows that stand twice" in said) != swapped


def judged(folder: Path, ann: str, ben: str, gpt: str) -> Path:
    """Two people and a model judge on one pair, one question for each letter."""
    return written(
        folder,
        *(
            vote(
                "oak",
                "pine",
                f"model_{letter}",
                judge=judge,
                question_id=f"q{number}",
                rater_kind="model" if judge == "gpt" else "human",
            )
            for judge, letters in (("ann", ann), ("ben", ben), ("gpt", gpt))
            for number, letter in enumerate(letters)
        ),
    )


def test_a_model_judge_stands_beside_people(arena: Arena, tmp_path: Path) -> None:
    log = judged(tmp_path, "bbaaaaaaa", "aaaaaaaaa", "bbbbbbbbb")
    said = " ".join(arena("agreement", log).stdout.split())
    assert "The judge gpt agrees with people by 0.111 (" in said
    assert "people with each other by 0.778 on 9 of them." in said
    assert "more than luck" in said
    (judge,) = json.loads(arena("agreement", log, "-f", "json").stdout)["judges"]
    assert judge["deficit"] == pytest.approx(7 / 9 - 1 / 9)
    assert judge["paired_questions"] == 9


@pytest.mark.parametrize(
    ("people", "gpt"), [("aaa", "bbb"), ("aaaaaaa", "bbbbbbb")], ids=["three", "seven"]
)
def test_few_questions_say_nothing_of_a_judge(
    arena: Arena, tmp_path: Path, people: str, gpt: str
) -> None:
    """Of three questions a judge like any other was told apart in one log of three."""
    said = " ".join(arena("agreement", judged(tmp_path, people, people, gpt)).stdout.split())
    few = f"which may be luck: from {len(gpt)} questions nobody can tell, it takes 8 or more."
    assert few in said
    assert "more than luck" not in said


def test_agreement_without_shared_items_says_so(arena: Arena, tmp_path: Path) -> None:
    run = arena("agreement", written(tmp_path, vote("oak", "pine", "tie")))
    assert "No item was judged by two raters" in run.stdout


def test_who_repeats_items_that_nobody_else_judged_is_shown(arena: Arena, tmp_path: Path) -> None:
    rows = [vote("oak", "pine", "tie", judge="ann", question_id="q", seq=n) for n in (1, 2)]
    run = arena("agreement", written(tmp_path, *rows))
    assert "No item was judged by two raters" in run.stdout
    assert "self agreement 1.00000" in " ".join(run.stdout.split())


def test_raters_who_saw_other_responses_did_not_disagree(arena: Arena, tmp_path: Path) -> None:
    rows = [
        vote("oak", "pine", winner, judge=judge, question_id="q")
        | {f"conversation_{seat}": [{"role": "assistant", "content": made}] for seat in "ab"}
        for judge, winner, made in (
            ("ann", "model_a", "so"),
            ("ben", "model_a", "so"),
            ("col", "model_b", "or so"),
            ("dan", "model_b", "or so"),
        )
    ]
    told = json.loads(arena("agreement", written(tmp_path, *rows), "-f", "json").stdout)
    assert (told["items"], told["tie_discounted"]) == (2, 1.0)
