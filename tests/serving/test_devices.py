"""Rooms for models: measured, asked for, or refused; no card is needed here."""

import json
import sys
from pathlib import Path

import pytest

from serving.devices import CONTEXT_BYTES, GIB, Card, cards, devices_of, gib, roomiest, rooms
from serving.engine import EngineError

HERE = (Path("/"),)  # a "driver" that is there
TWO = (
    Card("cuda:0", "large", free=70 * GIB, total=80 * GIB),
    Card("cuda:1", "small", free=23 * GIB, total=24 * GIB),
)


def saying(text: str) -> tuple[str, ...]:
    return sys.executable, "-c", f"print({text!r})"


def test_without_a_driver_nobody_is_asked() -> None:
    assert cards(("/nowhere/program",), drivers=(Path("/nowhere/driver"),)) == ()


def test_cards_are_as_the_asked_process_sees_them() -> None:
    told = json.dumps([["cuda:0", "large", 70 * GIB, 80 * GIB]])
    assert cards(saying(f"a warning\n{told}"), HERE) == TWO[:1]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(saying("nonsense"), "Expecting value", id="nonsense"),
        pytest.param((sys.executable, "-c", ""), "list index", id="silence"),
        pytest.param(("/nowhere/program",), "No such file", id="no interpreter"),
        pytest.param(
            (sys.executable, "-c", "raise SystemExit('driver too old')"), "too old", id="failure"
        ),
    ],
)
def test_cards_that_do_not_answer_are_told_with_the_way_out(
    command: tuple[str, ...], why: str
) -> None:
    with pytest.raises(EngineError, match=f"do not answer: .*{why}.*CUDA_VISIBLE_DEVICES"):
        cards(command, HERE)


def test_unasked_each_card_has_what_is_free_less_a_reserve() -> None:
    assert rooms(None, TWO) == {
        "cuda:0": 66 * GIB,
        "cuda:1": int(21.8 * GIB),
        "cpu": 4 * GIB,
    }


def test_a_number_is_meant_for_each_card_with_the_context_of_its_process() -> None:
    room = 20 * GIB - CONTEXT_BYTES
    assert rooms(20, TWO) == {"cuda:0": room, "cuda:1": room, "cpu": 4 * GIB}


def test_without_cards_a_number_is_main_memory() -> None:
    assert rooms(2.5) == {"cpu": int(2.5 * GIB)}
    assert rooms() == {"cpu": 4 * GIB}


def test_a_table_names_devices_and_the_others_are_measured() -> None:
    assert rooms({"cuda:1": 10, "cpu": 8}, TWO) == {
        "cuda:0": 66 * GIB,
        "cuda:1": 10 * GIB - CONTEXT_BYTES,
        "cpu": 8 * GIB,
    }


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(EngineError, match="no cuda:2 here; this machine has cuda:0 and cuda:1 and"):
        rooms({"cuda:2": 10}, TWO)


def test_a_place_may_be_several_devices() -> None:
    assert devices_of("cuda:0+cuda:1") == ("cuda:0", "cuda:1")
    assert devices_of("cpu") == ("cpu",)


def test_the_place_with_most_room_is_among_those_asked_for() -> None:
    there = {"cuda:0": 10, "cuda:1": 12, "cpu": 99}
    assert roomiest("auto", there) == ("cuda:1", 12)
    assert roomiest("cuda:0", there) == ("cuda:0", 10)
    assert roomiest("cuda:0+cuda:1", there) == ("cuda:0+cuda:1", 22)
    assert roomiest("cpu", there) == roomiest("auto", {"cpu": 99}) == ("cpu", 99)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0.00 GiB"),
        (1, "0.000000000931 GiB"),
        (5 * 10**6, "0.00466 GiB"),
        (GIB // 2, "0.500 GiB"),
        (GIB, "1.00 GiB"),
        (139 * GIB + GIB // 3, "139.33 GiB"),
    ],
)
def test_bytes_are_told_in_gib_with_digits_enough_to_tell_them_apart(size: int, told: str) -> None:
    assert gib(size) == told
