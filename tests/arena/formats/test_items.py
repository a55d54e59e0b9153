"""Items of files that name none: as `ratings` tells them apart, which sees every response."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from arena.board.tally import votes_of
from arena.formats import coded, files
from arena.formats.coded import read_coded
from arena.votelog import load_votes
from ratings.votes import Votes

Write = Callable[[Path, pd.DataFrame], Path]


def talk(prompt: str, response: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]


def votes(number: int) -> pd.DataFrame:
    """Return votes on few questions, some shown with other responses, or none, or turned."""
    draw, rows = np.random.default_rng(0), []
    for row in range(number):
        question, made, turned = (int(draw.integers(most)) for most in (9, 2, 2))
        seats = [("oak", f"oak {made}"), ("pine", f"pine {made}")][:: -1 if turned else 1]
        known = draw.random() < 0.9
        rows.append(
            {"question_id": f"q{question}" if question else None, "judge": f"r{row % 7}"}
            | {f"model_{seat}": model for seat, (model, _) in zip("ab", seats, strict=True)}
            | {
                f"conversation_{seat}": talk("Why?", said) if known else None
                for seat, (_, said) in zip("ab", seats, strict=True)
            }
            | {"winner": ("model_a", "model_b", "tie")[row % 3]}
        )
    return pd.DataFrame(rows)


def to_csv(folder: Path, log: pd.DataFrame) -> Path:
    talks = ("conversation_a", "conversation_b")
    packed = {name: log[name].map(json.dumps, na_action="ignore") for name in talks}
    log.assign(**packed).to_csv(folder / "log.csv", index=False)
    return folder / "log.csv"


def to_lines(folder: Path, log: pd.DataFrame) -> Path:
    log.to_json(folder / "log.jsonl", orient="records", lines=True)
    return folder / "log.jsonl"


def to_parquet(folder: Path, log: pd.DataFrame) -> Path:
    log.to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


@pytest.mark.parametrize("write", [to_csv, to_lines, to_parquet])
def test_one_question_with_other_responses_is_another_item(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE", 100)
    path = write(tmp_path, votes(250))
    found = votes_of(read_coded(path)).items
    wanted = Votes.from_frame(load_votes(path, conversations=True)).items
    np.testing.assert_array_equal(found, wanted)
    assert len(set(found)) == 8 * 3 + 2 + 1  # 8 questions; none, which responses name; unknown


def test_a_public_set_whose_responses_stand_apart_from_the_prompt(tmp_path: Path) -> None:
    said = {"prompt": '["Why?"]', "model_a": "oak", "model_b": "pine"}
    marks = {"winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}
    rows = [
        {"id": 1, **said, **marks, "response_a": f'["{made}"]', "response_b": '["so"]'}
        for made in ("x", "y", "x")
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "log.csv", index=False)
    assert votes_of(read_coded(tmp_path / "log.csv")).items.tolist() == [0, 1, 0]


@pytest.mark.parametrize("named", [{"question_id": range(250)}, {"item_id": ["i", "j"] * 125}])
def test_responses_are_not_read_where_they_decide_nothing(
    named: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the responses were read")

    monkeypatch.setattr(coded, "by_responses", read)
    log = read_coded(to_parquet(tmp_path, votes(250).assign(**named)))
    assert len(log) == 250
