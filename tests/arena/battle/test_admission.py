"""Admission: limits are kept for each rater, and a prompt is taken clean or not at all."""

import threading

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


def test_a_rater_may_open_battles_again_a_minute_after_each_of_them() -> None:
    now = [0.0]
    admission = Admission(Limits(battles_per_minute=2), lambda: now[0])
    for now[0] in (0.0, 20.0):
        admission.battle("anna", 0)
    now[0] = 59.0
    with pytest.raises(TooMany) as refusal:
        admission.battle("anna", 0)
    assert refusal.value.retry_s == pytest.approx(1.0)
    now[0] = 60.0
    admission.battle("anna", 0)
    with pytest.raises(TooMany) as refusal:
        admission.battle("anna", 0)
    assert refusal.value.retry_s == pytest.approx(20.0)


def test_raters_who_never_come_again_are_forgotten_and_cost_nothing() -> None:
    now = [0.0]
    admission, threads = Admission(Limits(), lambda: now[0]), threading.active_count()
    for number in range(5_000):
        now[0] += 0.1
        admission.battle(f"rater-{number}", 0)
    assert len(admission._opened) <= 601  # noqa: SLF001 - those of the last minute
    assert threading.active_count() <= threads  # none is started for it
