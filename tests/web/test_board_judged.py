"""Sentences on how far ratings explain votes: luck, no luck, and nothing to judge by."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arena.board import Board, board_of
from arena.board.sway import Swayed
from arena.web.board_judged import judged_said, judged_words, swayed_said
from arena.web.board_view import board_view
from tests.arena.logs import vote, written

GAP = re.compile(r"\{\w+\}")


def log(folder: Path, *, nemesis: bool = False, seat: float = 0.0, judges: int = 0) -> Board:
    """Four models 80 points apart, 150 votes a pair on 10 questions; the last beats the first."""
    draw, rows = np.random.default_rng(0), []
    for better, worse in [(a, b) for a in range(4) for b in range(a + 1, 4)]:
        lead = -250 if nemesis and (better, worse) == (0, 3) else 80 * (worse - better)
        for number in range(150):
            swapped = bool(number % 2)
            at_a = (-lead if swapped else lead) + seat
            won = draw.random() < 1 / (1 + 10 ** (-at_a / 400))
            seats = (f"m{worse}", f"m{better}") if swapped else (f"m{better}", f"m{worse}")
            winner = "model_a" if won else "model_b"
            judge = {"judge": f"r{number % judges}"} if judges else {}
            rows.append(vote(*seats, winner, question_id=f"q{number % 10}", **judge))
    return board_of(written(folder, *rows), orders=0)


def test_chance_alone_is_called_luck(tmp_path: Path) -> None:
    fit, unseen, circles = judged_said(log(tmp_path))
    assert re.match(r"Ratings miss the actual win rates by \d\.\d points on average; \d\.\d", fit)
    assert "That is no more than luck (lack of fit: p = 0." in fit
    assert fit.endswith("No pair stands out at a false discovery rate of 5 %.")
    assert "predicted better than by a coin" in unseen
    assert circles == "Triples of models that go in a circle: none of 4."


def test_a_nemesis_is_named_and_closes_a_circle(tmp_path: Path) -> None:
    board = log(tmp_path, nemesis=True)
    fit, _, circles = judged_said(board)
    assert "That is more than luck (lack of fit: p < 0.001)" in fit
    assert re.search(r"such as m3 over m0 \(\+\d\d points\)", fit)
    assert "beyond doubt, such as m" in circles
    heat = board.heat("residual")
    assert heat.stands_out[heat.models.index("m3"), heat.models.index("m0")]
    assert not board.heat("predicted").stands_out.any()


def test_a_seat_that_helps_is_no_luck(tmp_path: Path) -> None:
    (seat,) = swayed_said(log(tmp_path, seat=90))
    assert re.fullmatch(r"Seat A gained \d+ points \(\+\d+ to \+\d+\)\.", seat)


@pytest.mark.parametrize(
    ("swayed", "en", "zh"),
    [
        ((16.4, -4.0, 35.2), "gained 16 points (-4 to +35), which may be luck.", "得益 16 分"),
        ((1.2, 0.3, 2.1), "gained 1 point (0 to +2).", "得益 1 分（0 至 +2）。"),
        ((-0.3, -4.0, 3.4), "gained 0 points (-4 to +3), which may be luck.", "得益 0 分"),
        ((-1.1, -2.9, 0.6), "lost 1 point (-3 to +1), which may be luck.", "损失 1 分"),
        ((-40.0, -52.0, -28.0), "lost 40 points (-52 to -28).", "损失 40 分（-52 至 -28）。"),
    ],
)
def test_a_loss_is_called_one(
    tmp_path: Path, swayed: tuple[float, float, float], en: str, zh: str
) -> None:
    board = log(tmp_path)
    vars(board.whole)["swayed"] = tuple(
        Swayed(by, *swayed, votes=900) for by in ("seat A", "twice the length")
    )
    seat, length = swayed_said(board)
    assert (seat, length) == (f"Seat A {en}", f"A response twice as long {en}")
    assert all(zh in said for said in swayed_said(board, "zh"))


def test_votes_that_say_nothing_are_not_judged(tmp_path: Path) -> None:
    board = board_of(written(tmp_path, vote("oak", "pine", "model_a")), orders=0)
    assert (judged_said(board), swayed_said(board)) == ([], [])


def test_one_pair_leaves_no_freedom_to_judge_by(tmp_path: Path) -> None:
    rows = [vote("oak", "pine", w) for w in ("model_a", "model_b")]
    (fit,) = judged_said(board_of(written(tmp_path, *rows), orders=0))
    assert fit.endswith("by 0.0 points on average; there is nothing to judge that by yet.")
    assert "lack of fit" not in fit


def test_both_languages_fill_in_the_same_gaps(tmp_path: Path) -> None:
    english, chinese = judged_words("en"), judged_words("zh")
    gaps = {key: sorted(GAP.findall(said)) for key, said in english.items()}
    assert gaps == {key: sorted(GAP.findall(said)) for key, said in chinese.items()}
    said = " ".join(judged_said(log(tmp_path, nemesis=True), "zh"))
    assert set(re.findall(r"[A-Za-z]{2,}", said)) <= {"Brier"}


@pytest.mark.parametrize(
    ("lang", "says"), [("en", "nothing to judge that by yet"), ("zh", "尚无从判断")]
)
def test_elo_of_models_that_never_meet_is_not_judged(tmp_path: Path, lang: str, says: str) -> None:
    pairs = (("oak", "pine"), ("elm", "yew"))
    rows = [vote(*pair, w) for pair in pairs for w in ("model_a", "model_b", "model_a")]
    board = board_of(written(tmp_path, *rows), rank_by="elo", orders=0)
    (fit,) = judged_said(board, lang)
    assert says in fit
    assert "?" not in fit
    assert board_view(board, lang)["tiles"][3][0] == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("log_loss", "brier", "en", "zh"),
    [
        (0.123, 0.2, "better than by a coin: log loss 12.3 % lower, Brier score 20.0", "低 12.3"),
        (0.0004, 0.0, "no better than by a coin: the same log loss, the same Brier score.", "相同"),
        (-0.055, 0.011, "one measure alone: log loss 5.5 % higher, Brier score 1.1", "高"),
        (-0.055, -0.01, "no better than by a coin: log loss 5.5 % higher, Brier score 1.0", "高"),
        (0.0, float("nan"), "no better than by a coin: the same log loss.", "对数损失相同。"),
    ],
)
def test_losses_are_told_by_the_figure_that_is_shown(
    tmp_path: Path, log_loss: float, brier: float, en: str, zh: str
) -> None:
    board = log(tmp_path)
    skills = replace(board.held_out, log_loss_skill=log_loss, brier_skill=brier)
    vars(board.whole)["held_out"] = skills  # where it is kept once it was made
    assert en in judged_said(board)[1]
    assert zh in judged_said(board, "zh")[1]


@pytest.mark.parametrize(
    ("lang", "says"), [("en", "votes on one question move together"), ("zh", "会一起变动")]
)
def test_votes_that_share_questions_do_not_count_as_independent(
    tmp_path: Path, lang: str, says: str
) -> None:
    alone = log(tmp_path, nemesis=True)
    shared = log(tmp_path, nemesis=True, judges=6)
    assert says not in judged_said(alone, lang)[0]
    assert says in judged_said(shared, lang)[0]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_board_by_elo_speaks_of_elo(tmp_path: Path, lang: str) -> None:
    rows = [vote("oak", "pine", w) for w in ("model_a", "model_b")]
    board = board_of(written(tmp_path, *rows), rank_by="elo", orders=0)
    assert judged_said(board, lang)[0].startswith("Elo ")
