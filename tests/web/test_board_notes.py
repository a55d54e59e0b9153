"""Notes on the page: every kind in both languages, groups in the table, others as they are."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from arena.board import Board, RankBy, board_of
from arena.web.board_notes import notes_said
from arena.web.board_page import board_routes
from arena.web.board_view import board_view
from arena.web.board_words import board_words
from arena.web.shell import Shell
from tests.arena.logs import vote, written


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two pairs that tied, a model that won its vote, and one that lost it."""
    return written(
        tmp_path,
        vote("harbor", "pebble", "tie"),
        vote("willow", "harbor", "model_a"),
        vote("cedar", "willow", "tie"),
        vote("alder", "harbor", "model_a"),
        vote("elm", "cedar", "model_b"),
    )


def warnings(board: Board, lang: str) -> str:
    return "\n".join(board_view(board, lang)["warnings"])


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", "ranked only among themselves: harbor, pebble."),
        ("en", "ranked only among themselves: cedar, willow."),
        ("en", "Won every vote, so the rating cannot be estimated: alder."),
        ("en", "Lost every vote, so the rating cannot be estimated: elm."),
        ("en", "for an interval: harbor, pebble, cedar, willow."),
        ("zh", "仅在组内评分和排名：harbor、pebble。"),
        ("zh", "每一票都胜，无法估计评分：alder。"),
        ("zh", "每一票都负，无法估计评分：elm。"),
    ],
)
def test_why_numbers_are_missing_is_said(log: Path, lang: str, says: str) -> None:
    assert says in warnings(board_of(log), lang)


def test_no_kind_of_note_stays_english_in_chinese(log: Path) -> None:
    board = board_of(log, orders=0)
    between = (
        (
            "oak won every vote against some models and lost every vote against the others: "
            "its rating cannot be estimated."
        ),
        "oak has no votes: its rating cannot be estimated.",
        (
            "The interval for new questions and raters came out narrower than that of these votes "
            "alone for 2 of 6 models; read the wider of the two."
        ),
    )
    said = notes_said(replace(board, notes=(*board.notes, *between)), board_words("zh"))
    names = set(board.groups) | {"oak", "Elo"}
    assert set(re.findall(r"[A-Za-z]+", " ".join(said))) <= names


@pytest.mark.parametrize(
    ("lang", "says"), [("en", "Is a name missing?"), ("zh", "是否缺少模型名？")]
)
def test_names_that_look_like_missing_ones_are_asked_about(
    tmp_path: Path, lang: str, says: str
) -> None:
    rows = [vote("oak", "nan", w) for w in ("model_a", "model_b", "tie")]
    board = board_of(written(tmp_path, *rows, vote("oak", "None", "model_a")), orders=0)
    assert "3 votes name a model 'nan': is a name missing?" in board.notes
    assert "1 vote names a model 'None': is a name missing?" in board.notes
    said = warnings(board, lang)
    assert says in said
    assert "nan (3)" in said
    assert "None (1)" in said
    assert "is a name missing?" not in said


def test_an_unknown_note_is_shown_as_it_is(log: Path) -> None:
    board = replace(board_of(log), notes=("Something new.",))
    assert "Something new." in notes_said(board, board_words("zh"))


@pytest.mark.parametrize(
    ("rank_by", "groups"),
    [("rating", ["group 1"] * 2 + ["group 2"] * 2 + [""] * 2), ("elo", [""] * 6)],
)
def test_a_place_names_the_group_that_it_is_counted_in(
    log: Path,
    rank_by: RankBy,
    groups: list[str],
) -> None:
    view = board_view(board_of(log, rank_by=rank_by), "en")
    assert [row["group"] for row in view["rows"]] == groups


def test_one_group_needs_no_name(tmp_path: Path) -> None:
    view = board_view(board_of(written(tmp_path, vote("oak", "pine", "tie"))), "en")
    assert [row["group"] for row in view["rows"]] == ["", ""]


@pytest.mark.usefixtures("patient_boards")
async def test_the_page_shows_notes_and_groups_and_no_interval_without_width(log: Path) -> None:
    app, shell = FastAPI(), Shell("Evenhand")
    app.include_router(board_routes(shell, log))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = (await client.get("/leaderboard")).text
    assert "Won every vote, so the rating cannot be estimated: alder." in page
    assert page.count(">group 2</span>") == 2
    assert "no interval can be given" in page
    assert 'class="span"' not in page
    assert "nan" not in page.split("<table")[1].split("</table>")[0]
