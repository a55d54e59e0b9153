"""Rows: no interval without width, and an order where there is no place."""

from pathlib import Path

import pandas as pd
import pytest

from arena.board import board_of
from arena.board.rows import sure_only
from tests.arena.logs import vote, written


def test_one_tie_is_no_certainty(tmp_path: Path) -> None:
    board = board_of(written(tmp_path, vote("oak", "pine", "tie")), orders=0).to_dict()
    for row in board["rows"]:
        assert (row["rating"], row["lower"], row["upper"]) == (pytest.approx(1000), None, None)
        assert (row["lower_these"], row["upper_these"]) == (None, None)
    assert "oak, pine: too few votes, or votes too much alike, for an interval." in board["notes"]


def test_an_interval_that_the_votes_give_stays(tmp_path: Path) -> None:
    rows = [vote("oak", "pine", "model_a"), vote("oak", "pine", "model_b")]
    board = board_of(written(tmp_path, *rows), orders=0)
    assert (board.rows["lower"] < board.rows["upper"]).all()
    assert not any("for an interval" in note for note in board.notes)


def test_a_narrow_interval_is_one() -> None:
    ends = {"lower": [1000.0, 999.9], "upper": [1000.0, 1000.0]}
    these = {"lower_these": [990.0, 990.0], "upper_these": [1010.0, 1010.0]}
    rows, said = sure_only(pd.DataFrame({"model": ["oak", "pine"], **ends, **these}))
    assert rows["lower"].isna().tolist() == [True, False]
    assert said == ("oak: too few votes, or votes too much alike, for an interval.",)


def test_models_without_a_rating_stand_last_and_in_the_order_of_elo(tmp_path: Path) -> None:
    rows = [
        vote("oak", "pine", "tie"),
        vote("alder", "oak", "model_b"),
        vote("willow", "pine", "model_a"),
        vote("elm", "alder", "model_b"),
        vote("elm", "pine", "model_b"),
    ]
    board = board_of(written(tmp_path, *rows), orders=0)
    assert board.rows["rank"].notna().tolist() == [True, True, False, False, False]
    assert board.rows["model"].tolist()[2:] == ["willow", "alder", "elm"]
