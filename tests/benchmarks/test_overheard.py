"""A stream of Gradio becomes moments and sizes, whatever pieces it comes in."""

import json

import numpy as np
import pytest

from benchmarks.overheard import Battle, Stream


def event(*data: object, msg: str = "process_generating", duration: float = 0.1) -> bytes:
    said = {"msg": msg, "output": {"data": list(data), "duration": duration}}
    return f"data: {json.dumps(said)}\n\n".encode()


def add(text: str) -> list[list[object]]:
    return [["append", [], text]]


def overheard(*pieces: tuple[float, bytes]) -> Battle:
    battle = Battle()
    stream = Stream(battle)
    for now, piece in pieces:
        stream.take(now, piece)
    return battle


def test_both_panes_grow_by_what_is_added() -> None:
    battle = overheard(
        (0.1, event("\u200b", "\u200b")),
        (0.5, event([["replace", [], "Ice"]], [["replace", [], "No"]])),
        (0.6, event(add(" floats"), [])),
        (0.7, event(add("\n\n\n\n\ue0f21\ue0f2"), add("\n\n\n\n\ue0f21\ue0f2"))),
    )
    assert battle.growth == [(0.1, 0, 0), (0.5, 3, 2), (0.6, 10, 2), (0.7, 10, 2)]
    assert len(battle.arrivals) == 4


def test_an_event_in_two_pieces_is_read_once_it_is_whole() -> None:
    whole = event("Ice", "No")
    battle = overheard((0.1, whole[:20]), (0.4, whole[20:]))
    assert battle.growth == [(0.4, 3, 2)]
    assert battle.arrivals == [(0.1, 20), (0.4, len(whole) - 20)]


def test_what_the_stream_says_of_durations_is_kept() -> None:
    estimate = json.dumps({"msg": "estimation", "rank_eta": 2.5})
    battle = overheard((0.1, f"data: {estimate}\n\n".encode()), (0.2, event("a", "b")))
    assert battle.told == [2.5, 0.1]


def test_a_change_that_is_not_known_is_no_guess() -> None:
    with pytest.raises(ValueError, match="not known here: delete"):
        overheard((0.1, event([["delete", ["x"], 1]], [])))


def test_every_battle_has_the_same_number_of_columns_even_an_empty_one() -> None:
    full = overheard((0.1, event("Ice", "No")), (0.2, event(add(" floats"), add("!"))))
    assert full.columns().shape == Battle().columns().shape
    assert np.isfinite(full.columns()).all()
    assert np.isfinite(Battle().columns()).all()


def test_a_seat_that_comes_later_is_seen_in_the_columns() -> None:
    early = overheard((0.1, event("Ice", "\u200b")), (0.9, event([], [["replace", [], "Ice"]])))
    late = overheard((0.1, event("\u200b", "Ice")), (0.9, event([["replace", [], "Ice"]], [])))
    assert not np.allclose(early.columns(), late.columns())
