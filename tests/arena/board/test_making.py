"""The board: independent figures of real votes, what counts together, and what JSON may say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from arena.board import Choice, board_of, boards_by, plain
from arena.errors import ArenaError, ConfigError, LogError
from arena.shipped import shipped
from tests.arena.logs import vote, written

KEYS = (
    *("rank", "rank_low", "rank_high", "model", "rating", "lower", "upper", "lower_these"),
    *("upper_these", "votes", "wins", "losses", "ties", "both_bad", "win_rate", "failure_rate"),
    *("elo", "elo_mean", "elo_low", "elo_high"),
)


def test_real_votes_give_the_figures_that_others_found(real_votes: Path) -> None:
    """Elo by hand, Bradley-Terry and its sandwich by statsmodels; given to us from outside."""
    board = board_of(real_votes).to_dict()
    best = board["rows"][0]
    assert best["model"] == "GPT 4"
    assert best["elo"] == pytest.approx(1161.026, abs=5e-4)
    assert best["rating"] == pytest.approx(1172.133, abs=5e-4)
    assert best["lower_these"] == pytest.approx(1117.5, abs=0.05)
    assert best["upper_these"] == pytest.approx(1226.7, abs=0.05)


def test_real_raters_agree_as_others_found(real_votes: Path) -> None:
    assert board_of(real_votes, orders=0).agreement.tie_discounted == pytest.approx(
        0.69785, abs=5e-6
    )


def test_a_board_prints_what_the_public_face_promises() -> None:
    board = board_of(shipped("votes/simulated.csv")).to_dict()
    assert tuple(board["rows"][0])[: len(KEYS)] == KEYS
    assert {"source", "votes", "counted", "set_aside", "settings", "interval", "rows"} <= set(board)
    assert json.loads(json.dumps(board, allow_nan=False)) == board
    for row in board["rows"]:
        assert row["votes"] == row["wins"] + row["losses"] + row["ties"] + row["both_bad"]


def test_what_cannot_be_estimated_is_null_with_the_reason(tmp_path: Path) -> None:
    path = written(tmp_path, vote("oak", "pine", "model_a"), vote("oak", "pine", "model_a"))
    board = board_of(path, orders=0).to_dict()
    assert [row["rating"] for row in board["rows"]] == [None, None]
    assert any("oak" in note for note in board["notes"])


@pytest.mark.parametrize(
    ("others", "counted", "raters"),
    [
        pytest.param(["human", "simulated"], 1, "human", id="people before simulated raters"),
        pytest.param(["simulated", "model"], 1, "simulated", id="then these before models"),
        pytest.param(["human", None], 2, "human", id="a log that does not say is people's"),
    ],
)
def test_kinds_of_raters_never_mix(
    tmp_path: Path, others: list[str | None], counted: int, raters: str
) -> None:
    rows = [vote("oak", "pine", "tie", rater_kind=kind) for kind in others]
    board = board_of(written(tmp_path, *rows), orders=0)
    assert (board.votes, board.counted, board.raters) == (2, counted, raters)
    assert sum(board.set_aside.values()) == 2 - counted


def test_a_board_of_simulated_votes_says_so() -> None:
    board = board_of(shipped("votes/simulated.csv"), orders=0)
    assert any("simulated raters" in note for note in board.notes)


def test_votes_with_the_names_shown_do_not_count(tmp_path: Path) -> None:
    rows = [vote("oak", "pine", "tie"), vote("oak", "pine", "model_a", anony=False)]
    board = board_of(written(tmp_path, *rows), orders=0)
    assert (board.counted, board.set_aside) == (1, {"with the names shown": 1})


def test_reasons_of_an_export_with_all_votes_stand_on_the_board(tmp_path: Path) -> None:
    rows = [
        vote("oak", "pine", "tie", in_force=True),
        vote("oak", "pine", "tie", in_force=False, set_aside="withdrawn by the rater"),
    ]
    board = board_of(written(tmp_path, *rows), orders=0)
    assert (board.votes, board.counted) == (2, 1)
    assert board.set_aside == {"withdrawn by the rater": 1}


@pytest.mark.parametrize(
    ("choice", "counted"),
    [
        (Choice(study=""), 2),
        (Choice(study="pilot"), 1),
        (Choice(aspect="physics"), 1),
        (Choice(language="zh"), 1),
    ],
)
def test_a_choice_leaves_the_other_votes_out(tmp_path: Path, choice: Choice, counted: int) -> None:
    rows = [
        vote("oak", "pine", "tie", aspect="physics", language="en"),
        vote("oak", "pine", "tie", language="zh"),
        vote("oak", "pine", "tie", study="pilot", language="en"),
    ]
    assert board_of(written(tmp_path, *rows), choice=choice, orders=0).counted == counted


@pytest.mark.parametrize(
    ("rows", "choice", "says"),
    [
        pytest.param([], Choice(), "there is no vote yet", id="no vote"),
        pytest.param([{}], Choice(aspect="art"), "no vote with aspect 'art'", id="no such aspect"),
        pytest.param(
            [{"anony": False}],
            Choice(),
            "all 1 are set aside: 1 with the names shown",
            id="none counts",
        ),
    ],
)
def test_nothing_to_rate_is_a_sentence(
    tmp_path: Path, rows: list[dict[str, Any]], choice: Choice, says: str
) -> None:
    path = written(tmp_path, *(vote("oak", "pine", "tie", **row) for row in rows))
    with pytest.raises(ArenaError, match=says):
        board_of(path, choice=choice, orders=0)


def test_a_failure_is_counted_once_for_each_response(tmp_path: Path) -> None:
    cut = {"item_id": "i1", "finish_reason_a": "length", "finish_reason_b": "stop"}
    rows = [
        vote("oak", "pine", "tie", **cut, length_a=9, length_b=9, judge="ada"),
        vote("oak", "pine", "tie", **cut, length_a=9, length_b=9, judge="ben"),
        vote("oak", "pine", "tie", item_id="i2", length_a=9, length_b=0),
        vote("pine", "oak", "tie", item_id="i3", length_a=9, length_b=9),
    ]
    rows_of = board_of(written(tmp_path, *rows), orders=0).rows.set_index("model")
    assert rows_of["failure_rate"].to_dict() == pytest.approx({"oak": 1 / 3, "pine": 1 / 3})


def test_a_split_gives_one_board_a_value() -> None:
    boards = boards_by(shipped("votes/simulated.csv"), by="aspect")
    assert len(boards) == 9
    assert sum(board.counted for board in boards.values()) == 1008


@pytest.mark.parametrize(
    ("by", "says"), [("rater", "by aspect or by language"), ("aspect", "names no aspect")]
)
def test_a_split_that_cannot_be_made_is_a_usage_error(tmp_path: Path, by: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        boards_by(written(tmp_path, vote("oak", "pine", "tie")), by=by)


def test_a_split_leaves_out_a_value_of_which_no_vote_counts(tmp_path: Path) -> None:
    seen = [vote("oak", "pine", said, aspect="seen", anony=False) for said in ("tie", "model_a")]
    log = written(tmp_path, vote("oak", "pine", "tie", aspect="blind"), *seen)
    assert {value: board.counted for value, board in boards_by(log, by="aspect").items()} == {
        "blind": 1
    }
    (tmp_path / "shown").mkdir()
    with pytest.raises(LogError, match="2 with the names shown"):
        boards_by(written(tmp_path / "shown", *seen), by="aspect")


def test_heat_maps_stand_in_the_order_of_the_table() -> None:
    board = board_of(shipped("votes/simulated.csv"), orders=0)
    actual, predicted, residual = (board.heat(kind) for kind in ("actual", "predicted", "residual"))
    assert actual.models == tuple(board.rows["model"])
    both = actual.cells + actual.cells.T
    np.testing.assert_allclose(both[~np.eye(8, dtype=bool)], 1)
    np.testing.assert_allclose(residual.cells, actual.cells - predicted.cells)


def test_the_surveys_heat_map_is_predicted_from_elo() -> None:
    """The leader of the survey has 1222 against a mean of 1000: 0.782 expected."""
    board = board_of(shipped("votes/simulated.csv"), rank_by="elo", orders=0)
    first, last = board.rows["elo"].iloc[0], board.rows["elo"].iloc[-1]
    expected = 1 / (1 + 10 ** ((last - first) / 400))
    assert board.heat("predicted", by="elo").cells[0, -1] == pytest.approx(expected)


def test_the_newest_quantization_of_a_model_is_known(tmp_path: Path) -> None:
    rows = [
        vote("oak", "pine", "tie", quantization_a="int8"),
        vote("pine", "oak", "tie", quantization_a="nf4"),
    ]
    assert board_of(written(tmp_path, *rows)).quantizations == {"oak": "int8", "pine": "nf4"}


@pytest.mark.parametrize("seat", ["a", "b"])
def test_the_newest_quantization_of_a_model_is_known_on_either_seat(
    tmp_path: Path, seat: str
) -> None:
    places = [("oak", "pine"), ("pine", "oak")]
    first, last = places if seat == "b" else reversed(places)
    other = "a" if seat == "b" else "b"
    rows = [
        vote(*first, "tie", **{f"quantization_{other}": "int8"}),
        vote(*last, "tie", **{f"quantization_{seat}": "nf4"}),
    ]
    assert board_of(written(tmp_path, *rows)).quantizations == {"oak": "nf4"}


def test_every_pair_in_doubt_is_data_and_is_named_in_the_warning() -> None:
    board = board_of(shipped("votes/simulated.csv"), orders=0).to_dict()
    models = [row["model"] for row in board["rows"]]
    assert [pair["better"] for pair in board["doubtful"]] == models[:5]
    assert [pair["worse"] for pair in board["doubtful"]] == models[1:6]
    assert board["warning"].startswith("5 of 7 neighbouring pairs cannot be told apart yet")
    assert f"each from the next: {models[0]} to {models[5]}." in board["warning"]


def test_the_doubts_of_a_board_are_those_of_its_ratings(real_votes: Path) -> None:
    for rank_by, n_pairs in (("rating", 58), ("elo", 50)):
        board = board_of(real_votes, rank_by=rank_by)  # type: ignore[arg-type]  # one of the two
        assert len(board.doubts.pairs) == len(board.to_dict()["doubtful"]) == n_pairs


def test_a_board_says_how_far_to_trust_it(real_votes: Path) -> None:
    """Mean difference and its floor by hand from the facts: 13.7 points, 11.2 by chance."""
    board = board_of(real_votes, orders=0).to_dict()
    found = board["calibration"]
    assert (found["mad"], found["floor"]) == pytest.approx((0.1368, 0.1123), abs=5e-5)
    assert (found["pairs"], found["lack_of_fit"]["df"], found["stand_out"]) == (927, 869, 0)
    assert found["held_out"]["split_by"] == "question"
    assert found["circles"]["intransitive"] == 510
    rows = board["rows"]
    assert sum(row["p_best"] for row in rows) == pytest.approx(1)
    assert (rows[0]["group"], rows[0]["rank_low_all"], rows[0]["elo_low_all"]) == (1, 1, None)
    (seat,) = board["swayed_by"]
    assert (seat["by"], seat["votes"]) == ("seat A", 8931)


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    """Two pairs that tied, and one vote between the pairs that puts them on no common scale."""
    return written(
        tmp_path,
        vote("harbor", "pebble", "tie"),
        vote("willow", "harbor", "model_a"),
        vote("cedar", "willow", "tie"),
    )


def test_nothing_is_predicted_between_models_without_a_common_scale(apart: Path) -> None:
    board = board_of(apart, orders=0)
    assert board.rows["model"].tolist() == ["harbor", "pebble", "cedar", "willow"]
    for kind, own in (("predicted", 0.5), ("residual", 0.0)):
        cells = board.heat(kind).cells  # type: ignore[arg-type]  # one of the kinds
        expected = np.full((4, 4), np.nan)
        expected[0, 1] = expected[1, 0] = expected[2, 3] = expected[3, 2] = own
        np.testing.assert_array_equal(cells, expected)
    assert (board.calibration.mad, board.calibration.pairs, board.n_groups) == (0, 2, 2)


def test_elo_has_one_scale_for_all(apart: Path) -> None:
    board = board_of(apart, rank_by="elo", orders=0)
    assert np.isfinite(board.heat("predicted", by="elo").cells[~np.eye(4, dtype=bool)]).all()
    assert board.calibration.pairs == 3


def test_json_has_no_number_that_is_none() -> None:
    assert plain({"a": float("nan"), "b": np.int64(3), "c": [pd.NA, np.float64(0.5)]}) == {
        "a": None,
        "b": 3,
        "c": [None, 0.5],
    }
