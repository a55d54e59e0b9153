"""Boards that a server keeps: those of earlier votes say so, in both languages."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arena.board import LIVE, Choice, board_of
from arena.board.table import Behind
from arena.web.board_view import board_view
from arena.web.boards import Boards
from tests.arena.logs import vote, written

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
