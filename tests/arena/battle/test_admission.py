"""Admission: limits are kept for each rater, and a prompt is taken clean or not at all."""

import pytest

from arena.battle.admission import AT_ONCE, Admission
from arena.errors import PromptRefused, TooMany
from arena.settings import Limits


def test_a_prompt_is_taken_without_what_no_database_takes() -> None:
    assert Admission(Limits()).prompt(" a\0b \ud800 ") == "ab ?"


@pytest.mark.parametrize(("prompt", "reason"), [(" \n\0", "empty"), ("x" * 11, "long")])
def test_a_prompt_out_of_bounds_is_refused_with_its_reason(prompt: str, reason: str) -> None:
    with pytest.raises(PromptRefused) as refusal:
        Admission(Limits(prompt_characters=10)).prompt(prompt)
    assert refusal.value.reason == reason


def test_one_rater_over_the_limit_stops_no_other() -> None:
    admission = Admission(Limits(battles_per_minute=1))
    admission.battle("ada", 0)
    with pytest.raises(TooMany) as refusal:
        admission.battle("ada", 0)
    assert 0 < refusal.value.retry_s <= 60
    admission.battle("eve", 0)


def test_a_full_house_is_told() -> None:
    with pytest.raises(TooMany, match="streaming"):
        Admission(Limits()).battle("ada", AT_ONCE)


def test_the_last_turn_is_the_last() -> None:
    admission = Admission(Limits(turns=2))
    admission.turn(1)
    with pytest.raises(PromptRefused, match="2 turns"):
        admission.turn(2)
