"""The measurement of timing: fair texts, half of the models quick, and doubts about itself."""

import itertools
import random
import tomllib

import numpy as np
import pytest

from benchmarks.overheard import Battle
from benchmarks.report import Row
from benchmarks.served import PRODUCT
from benchmarks.timing import (
    BATTLES,
    BOTH,
    BY_ONE_PACE,
    GUESSES,
    MODELS,
    OPEN,
    WIDER,
    Overheard,
    Way,
    faults_of,
    most_of,
    roster_of,
    rows_of,
)
from benchmarks.tongues import CHINESE, ENGLISH, SCRIPTS, Script, texts
from serving.text import is_ascii

PACED = Way("paced", "paced", PRODUCT, 100)
UNPACED = Way("unpaced (control)", "paced", PRODUCT, 100, OPEN)
ONE_PACE = Way("one pace (control)", "paced", PRODUCT, 100, BY_ONE_PACE)


def source() -> random.Random:
    return random.Random(1)  # noqa: S311 - texts, no secret


def row(
    script: str = BOTH,
    battles: int = BATTLES,
    *,
    seat: float = 0.5,
    alike: float = 0.5,
    two: float = 0.5,
) -> Row:
    return {
        "script": script,
        "battles": battles,
        "with both": battles * 4 // 7,
        **dict(zip(GUESSES, (seat, alike, two), strict=True)),
    }


def seen(script: str, seat: float = 1.0, two: float = 0.98) -> Row:
    return row(script, seat=seat, alike=0.95, two=two)


def test_chance_holds_and_controls_that_are_seen_through_hold() -> None:
    scripts = (BOTH, ENGLISH.name, CHINESE.name)
    assert faults_of(PACED, [row(script, alike=0.6) for script in scripts]) == []
    assert faults_of(UNPACED, [seen(script) for script in scripts]) == []
    assert faults_of(ONE_PACE, [row(), row(CHINESE.name, two=0.95)]) == []


@pytest.mark.parametrize(
    ("way", "found", "told"),
    [
        (PACED, row(seat=0.61), "paced, both: which seat was guessed right in 61%"),
        (PACED, row(CHINESE.name, two=0.8), "paced, Chinese: two quick or two slow"),
        (PACED, row(alike=float("nan")), "alike or not was guessed right in nan%"),
        (UNPACED, seen(BOTH, seat=0.7), "could have missed a leak"),
        (UNPACED, seen(ENGLISH.name, two=float("nan")), "could have missed a leak"),
        (ONE_PACE, row(CHINESE.name, two=0.7), "could have missed a leak"),
    ],
)
def test_what_is_told_and_what_is_doubtful_is_a_fault(way: Way, found: Row, told: str) -> None:
    (fault,) = faults_of(way, [found])
    assert told in fault


def test_fewer_guesses_may_be_luckier_but_never_over_both_scripts() -> None:
    half = [row(ENGLISH.name, BATTLES // 2), row(ENGLISH.name, BATTLES // 4)]
    for guess in GUESSES:
        assert most_of(row(battles=50), guess) == 0.6
        assert 0.6 <= most_of(half[0], guess) < most_of(half[1], guess) < 0.8


@pytest.mark.parametrize("guess", GUESSES)
def test_the_usual_number_of_battles_leaves_little_to_luck(guess: str) -> None:
    guesses = {"which seat": 4 / 7, "alike or not": 6 / 7, "two quick or two slow": 3 / 7}[guess]
    luck = np.random.default_rng(1).normal(
        0.5, WIDER * (0.25 / (guesses * BATTLES)) ** 0.5, 100_000
    )
    assert (luck > most_of(row(), guess)).mean() < 0.005


def test_every_model_says_the_same_texts_and_half_of_them_quickly() -> None:
    said = [text for script in SCRIPTS for text in texts(source(), script, 5, 12)]
    models = tomllib.loads(roster_of("together", said))["models"]
    assert len(models) == MODELS
    assert {tuple(model["responses"]) for model in models} == {tuple(said)}
    quick = [model["name"].startswith("quick") for model in models]
    assert sum(quick) == MODELS / 2
    for model, is_quick in zip(models, quick, strict=True):
        assert model["behaviour"]["chunk_s"] == (0.02 if is_quick else 0.2)
        assert model["behaviour"]["chunk_characters"] == [8, 1]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_texts_have_their_script_and_the_tokens_that_were_asked_for(script: Script) -> None:
    said = texts(source(), script, 5, 12)
    assert all(4 < len(text) / script.characters <= 12 for text in said)
    assert {is_ascii(text) for text in said} == {is_ascii(script.prompt)} == {script is ENGLISH}


def heard(seconds: float, script: str, *, a: bool, b: bool) -> Overheard:
    battle = Battle(opened=0.1, ready=seconds)
    battle.growth = [(0.3, 4, 4), (seconds, 30, 30)]
    return Overheard(battle, script, a, b)


def test_a_wait_that_follows_from_the_models_in_one_script_is_found_there() -> None:
    noise = np.random.default_rng(3)
    told = [
        heard(
            9.0 - (script is CHINESE) * 3.0 * (a + b) + noise.normal(0, 0.2),
            script.name,
            a=bool(a),
            b=bool(b),
        )
        for (a, b), script in zip(
            noise.random((400, 2)) < 0.5, itertools.cycle(SCRIPTS), strict=False
        )
    ]
    found = {str(one["script"]): one for one in rows_of(PACED, told)}
    shares = {name: float(one["two quick or two slow"] or 0.0) for name, one in found.items()}
    assert shares["Chinese"] > 0.9
    assert shares["English"] < 0.65
    assert shares["English"] < shares["both"] < shares["Chinese"]
    assert float(found["both"]["which seat"] or 0.0) < 0.6
    assert len(faults_of(PACED, list(found.values()))) >= 2
