"""The measurement of timing: fair texts, half of the models quick, and doubts about itself."""

import random
import tomllib

import numpy as np
import pytest

from benchmarks.overheard import Battle
from benchmarks.report import Row
from benchmarks.timing import MODELS, PRODUCT, Overheard, Way, faults_of, roster_of, row_of, texts

PACED = Way("paced", "paced", PRODUCT, 100)
SOURCE = random.Random(1)  # noqa: S311 - texts, no secret


def row(way: str = "paced", **shares: float) -> Row:
    found = {"which_seat": 0.5, "alike": 0.5, "two": 0.5, **shares}
    return {
        "way": way,
        "which seat": found["which_seat"],
        "alike or not": found["alike"],
        "two quick or two slow": found["two"],
    }


def control(**shares: float) -> Row:
    return row("unpaced (control)", **{"which_seat": 1.0, "alike": 0.95, "two": 0.98, **shares})


def test_chance_holds_and_a_control_that_sees_holds() -> None:
    assert faults_of([row(), row("together", alike=0.6), control()]) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(which_seat=0.61), control()], "paced: which seat was guessed right in 61%"),
        ([row(), row("together", two=0.8), control()], "together: two quick or two slow"),
        ([row(alike=float("nan")), control()], "alike or not was guessed right in nan%"),
        ([row(), control(which_seat=0.7)], "could have missed a leak"),
        ([row(), control(two=float("nan"))], "could have missed a leak"),
    ],
)
def test_what_is_told_and_what_is_doubtful_is_a_fault(rows: list[Row], told: str) -> None:
    (fault,) = faults_of(rows)
    assert told in fault


def test_every_model_says_the_same_texts_and_half_of_them_quickly() -> None:
    said = texts(SOURCE, 5, 12)
    models = tomllib.loads(roster_of("together", said))["models"]
    assert len(models) == MODELS
    assert {tuple(model["responses"]) for model in models} == {tuple(said)}
    quick = [model["name"].startswith("quick") for model in models]
    assert sum(quick) == MODELS / 2
    for model, is_quick in zip(models, quick, strict=True):
        assert model["behaviour"]["chunk_s"] == (0.02 if is_quick else 0.2)


def test_texts_have_the_tokens_that_were_asked_for() -> None:
    assert all(5 * 4 - 4 <= len(text) <= 12 * 4 + 1 for text in texts(SOURCE, 5, 12))


def heard(seconds: float, *, a: bool, b: bool) -> Overheard:
    battle = Battle(opened=0.1, ready=seconds)
    battle.growth = [(0.3, 4, 4), (seconds, 30, 30)]
    return Overheard(battle, a, b)


def test_a_wait_that_follows_from_the_models_is_found() -> None:
    source = np.random.default_rng(3)
    seats = source.random((200, 2)) < 0.5
    told = [
        heard(9.0 - 3.0 * a - 3.0 * b + source.normal(0, 0.2), a=bool(a), b=bool(b))
        for a, b in seats
    ]
    found = row_of(PACED, told, source)
    assert isinstance(found["two quick or two slow"], float)
    assert found["two quick or two slow"] > 0.9
    assert isinstance(found["which seat"], float)
    assert found["which seat"] < 0.65
    assert faults_of([found])
