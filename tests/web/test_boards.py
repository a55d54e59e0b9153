"""Boards that a server keeps: those of earlier votes, and those that fail, say so."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arena.board import LIVE, Choice, board_of
from arena.board.live import LiveBoards
from arena.board.table import Behind
from arena.web.board_view import board_view
from arena.web.boards import Boards
from tests.arena.logs import vote, written
from tests.web.board_site import visiting

pytestmark = pytest.mark.usefixtures("patient_boards")

ENGLISH = Choice(study=LIVE, language="en")


def rows(number: int) -> list[dict[str, Any]]:
    winners = ("model_a", "model_b", "tie")
    return [vote("oak", "pine", winners[n % 3], language="en") for n in range(number)]


async def test_a_kept_board_of_a_choice_grows_old_with_the_next_vote(tmp_path: Path) -> None:
    boards = Boards(written(tmp_path, *rows(6)))
    live = await boards.votes()
    assert live is not None
    fresh = await boards.board(live, ENGLISH, "rating")
    assert fresh is not None
    assert fresh.as_of is None
    written(tmp_path, *rows(7))
    live.follow()
    old = await boards.board(live, ENGLISH, "rating")
    assert old is not None
    assert (old.counted, old.as_of, old.behind) == (6, 6, "everything")


@pytest.mark.parametrize(
    ("behind", "counted", "lang", "says"),
    [
        ("whole", 7, "en", "made when the count was 6"),
        ("whole", 7, "zh", "基于 6 票时的数据"),
        ("whole", 6, "en", "Votes were changed since"),
        ("whole", 6, "zh", "有票发生了变动"),
        ("everything", 6, "en", "Every number here is of earlier votes: the 6"),
        ("everything", 6, "zh", "此处所有数字均基于稍早的 6 票"),
    ],
)
def test_a_page_says_of_which_votes_its_numbers_are(
    tmp_path: Path, behind: Behind, counted: int, lang: str, says: str
) -> None:
    board = board_of(written(tmp_path, *rows(6)), orders=0)
    assert not board_view(board, lang)["as_of"]
    assert says in board_view(replace(board, behind=behind, counted=counted), lang)["as_of"]


def breaking(
    monkeypatch: pytest.MonkeyPatch, method: str, broken: threading.Event, again_s: float
) -> None:
    """Let a method of the live boards fail while an event is set."""
    whole = getattr(LiveBoards, method)

    def fails(*given: object) -> object:
        if broken.is_set():
            raise ValueError("a matrix is singular")
        return whole(*given)

    monkeypatch.setattr(LiveBoards, method, fails)
    monkeypatch.setattr("arena.web.background.AGAIN_S", again_s)
    broken.set()


@pytest.mark.parametrize(
    ("method", "query"),
    [("settle", ""), ("settle", "?language=en"), ("chosen", "?language=en")],
)
async def test_a_board_that_cannot_be_made_is_told_as_such_and_made_later(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    query: str,
) -> None:
    broken = threading.Event()
    breaking(monkeypatch, method, broken, 0.0)
    async with visiting(written(tmp_path, *rows(6), vote("oak", "pine", "tie"))) as site:
        english = await site.client.get(f"/leaderboard{query}")
        chinese = await site.client.get(f"/leaderboard{query}", headers={"Accept-Language": "zh"})
        assert "The leaderboard could not be made" in english.text
        assert "排行榜未能算出" in chinese.text
        assert english.headers["Refresh"]
        assert "a matrix is singular" in caplog.text
        assert "singular" not in english.text
        download = await site.client.get(f"/leaderboard/table.csv{query}")
        assert download.headers["location"] == "/leaderboard"
        broken.clear()
        while "could not be made" in (page := await site.client.get(f"/leaderboard{query}")).text:
            pass
        assert '"name">oak<' in page.text


async def test_what_fails_is_not_tried_with_every_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    breaking(monkeypatch, "settle", threading.Event(), 1000.0)
    async with visiting(written(tmp_path, *rows(6))) as site:
        for _ in range(5):
            assert "could not be made" in (await site.client.get("/leaderboard")).text
    assert caplog.text.count("Counting every vote for the leaderboard failed") == 1


async def test_a_board_of_earlier_votes_says_that_the_next_one_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.web.boards.NEXT_S", 60.0)
    broken = threading.Event()
    breaking(monkeypatch, "settle", broken, 1000.0)
    broken.clear()
    async with visiting(written(tmp_path, *rows(6))) as site:
        assert "last try failed" not in (await site.client.get("/leaderboard")).text
        broken.set()
        written(tmp_path, *rows(7))
        while "last try failed" not in (page := await site.client.get("/leaderboard")).text:
            assert "made when the count was 6" in page.text
