"""Scores from elsewhere: joined by model, compared by rank, refused in a sentence."""

from pathlib import Path

import pytest

from arena.board import board_of
from arena.errors import ConfigError, LogError
from arena.scores import read_scores, with_scores
from tests.arena.logs import vote, written


def scores(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_scores_stand_beside_the_ratings_with_their_rank_correlation(tmp_path: Path) -> None:
    models = ("oak", "pine", "elm", "fir")
    pairs = [(a, b) for a in models for b in models if a < b]
    log = [vote(a, b, w) for a, b in pairs for w in ("model_a", "model_a", "model_b")]
    board = board_of(written(tmp_path, *log), orders=0)
    table = read_scores(scores(tmp_path, "model,votes,who\nelm,3,x\nfir,2,x\noak,1,x\n"))
    joined = with_scores(board, table)
    found = joined.rows.set_index("model")["score: votes"]
    assert found.dropna().to_dict() == {"elm": 3, "fir": 2, "oak": 1}
    assert joined.notes[-1] == (
        "votes: rank correlation with the rating 1.00 (Spearman) over 3 models."
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,mmlu\noak,1\n", "no column model"),
        ("model,mmlu\noak,1\noak,2\n", "line 3: the model 'oak' stands there twice"),
        ("model,mmlu\noak,good\n", "no column of numbers"),
        ("model,mmlu\noak,1,2,3\noak,1,2,3,4\n", r"no CSV that can be read \(.*saw 5\); save"),
        ("model,mmlu\noak,1,2\npine,1,2\n", "more entries than the first line has names"),
        ("model,mmlu,bbh\noak,1,2\npine,-,3\n", "line 3: mmlu is '-', no number; leave"),
        ("", "no CSV that can be read"),
    ],
)
def test_scores_that_cannot_be_joined_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(LogError, match=says):
        read_scores(scores(tmp_path, text))


def test_a_spreadsheets_last_comma_and_blanks_around_a_name_say_nothing(tmp_path: Path) -> None:
    table = read_scores(scores(tmp_path, "model,mmlu,who\noak ,1,x,\n pine,2,y,\n"))
    assert table["score: mmlu"].to_dict() == {"oak": 1, "pine": 2}


def test_a_missing_file_of_scores_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="check the path after --with"):
        read_scores(tmp_path / "none.csv")


@pytest.mark.parametrize(("elm", "says"), [(2, "rank correlation"), (1, "too few models")])
def test_scores_that_are_all_equal_have_no_order(tmp_path: Path, elm: int, says: str) -> None:
    pairs = (("oak", "pine"), ("pine", "elm"), ("oak", "elm"))
    log = [vote(a, b, w) for a, b in pairs for w in ("model_a", "model_a", "model_b")]
    board = board_of(written(tmp_path, *log), orders=0)
    table = read_scores(scores(tmp_path, f"model,mmlu\noak,1\npine,1\nelm,{elm}\n"))
    assert says in with_scores(board, table).notes[-1]


def test_two_scores_are_too_few_to_compare(tmp_path: Path) -> None:
    log = [vote("oak", "pine", w) for w in ("model_a", "model_a", "model_b")]
    board = board_of(written(tmp_path, *log), orders=0)
    table = read_scores(scores(tmp_path, "model,mmlu\noak,1\npine,2\n"))
    assert "too few models" in with_scores(board, table).notes[-1]
