"""Shrunken ratings beside each aspect's own: nearer to the overall ones, on the same scale."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.board import Board, board_of, boards_by
from arena.board.table import SHRUNK
from arena.shipped import shipped
from tests.arena.logs import vote, written

SIMULATED = shipped("votes/simulated.csv")


@pytest.fixture(scope="module")
def boards() -> dict[str, Board]:
    return boards_by(SIMULATED, by="aspect")


def test_they_lie_nearer_to_the_overall_ratings_than_the_aspects_own(
    boards: dict[str, Board],
) -> None:
    overall = board_of(SIMULATED, orders=0).rows.set_index("model")["rating"]
    for board in boards.values():
        rows = board.rows.set_index("model")
        near, far = (
            (rows[name] - overall[rows.index]).pow(2).mean() for name in ("shrunk", "rating")
        )
        assert 0 < near < far / 2
        assert (rows["shrunk_error"] < (rows["upper_these"] - rows["lower_these"]) / 4).all()


def test_a_board_says_them_with_how_far_aspects_differ(boards: dict[str, Board]) -> None:
    said = boards["physics"].to_dict()
    assert 5 < said["settings"]["tau"] < 60
    assert sum("Shrunk: the rating on this aspect" in note for note in said["notes"]) == 1
    assert set(SHRUNK) <= set(said["rows"][0])
    assert said["rows"][0]["shrunk"] == pytest.approx(boards["physics"].rows["shrunk"].iloc[0])


def opposed(aspect: str, ahead: str, behind: str, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # any field
    """Return eight votes on an aspect; one model is ahead by two of them."""
    won = [vote(ahead, behind, "model_a", aspect=aspect, **more) for _ in range(5)]
    return [*won, *(vote(ahead, behind, "model_b", aspect=aspect, **more) for _ in range(3))]


def test_a_model_that_an_aspect_cannot_rate_still_has_one(tmp_path: Path) -> None:
    rows = [*opposed("law", "oak", "pine"), vote("oak", "pine", "model_a", aspect="art")]
    art = boards_by(written(tmp_path, *rows), by="aspect")["art"].rows
    assert art["rating"].isna().all()
    assert np.isfinite(art["shrunk"]).all()


def test_aspects_that_do_not_differ_are_said_not_to(tmp_path: Path) -> None:
    rows = opposed("law", "oak", "pine") + opposed("art", "oak", "pine")
    board = boards_by(written(tmp_path, *rows), by="aspect")["law"]
    assert board.settings["tau"] == 0
    assert "do not differ between aspects by more than luck" in board.notes[-1]


def test_a_difference_that_may_be_luck_is_called_so(tmp_path: Path) -> None:
    few = opposed("law", "oak", "pine") + opposed("art", "pine", "oak")
    said = boards_by(written(tmp_path, *few * 2), by="aspect")["law"].notes[-1]
    assert "(standard deviation), which may be luck. ±: the overall" in said
    said = boards_by(written(tmp_path, *few * 20), by="aspect")["law"].notes[-1]
    assert "(standard deviation). ±: the overall" in said


@pytest.mark.parametrize("by", ["aspect", "language"])
def test_one_aspect_alone_and_languages_have_none(tmp_path: Path, by: str) -> None:
    rows = opposed("law", "oak", "pine", language="en") + opposed(
        "law", "oak", "fir", language="zh"
    )
    for board in boards_by(written(tmp_path, *rows), by=by).values():
        assert not set(SHRUNK) & {*board.rows, *board.to_dict()["rows"][0]}


def test_an_aspect_of_raters_who_do_not_count_among_all_has_none(tmp_path: Path) -> None:
    people = opposed("law", "oak", "pine") + opposed("sport", "oak", "pine")
    rows = people + opposed("art", "pine", "oak", rater_kind="simulated")
    boards = boards_by(written(tmp_path, *rows), by="aspect")
    assert ["shrunk" in board.rows for board in boards.values()] == [False, True, True]
