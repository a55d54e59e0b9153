"""`docs/vote-log.md` names every column of the log, in its order, with its type and an example."""

import csv
import json
import re
from pathlib import Path

import pandas as pd

from arena.formats.columns import (
    COLUMNS,
    CONVERSATIONS,
    NUMBER,
    OUTCOMES,
    PUBLIC,
    RATER_KINDS,
    STANDING,
    TEXT,
    TRUTH,
    WHOLE,
)
from arena.votelog import load_votes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "vote-log.md"
ROWS = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \| `(.+)` \|$", PAGE.read_text(), re.MULTILINE)
TYPES = {
    "text": TEXT,
    "list": CONVERSATIONS,
    "whole number": WHOLE,
    "number": NUMBER,
    "truth": TRUTH,
}
MEANING = {column: meaning for column, _, meaning, _ in ROWS}


def test_it_lists_the_columns_in_the_order_of_the_log() -> None:
    assert tuple(column for column, *_ in ROWS) == COLUMNS


def test_the_first_eleven_columns_are_the_public_ones() -> None:
    assert "The first eleven columns" in PAGE.read_text()
    assert len(PUBLIC) == 11


def test_it_gives_each_column_its_type() -> None:
    stated = {column: kind.split(",")[0] for column, kind, *_ in ROWS}
    assert [c for c in COLUMNS if c not in TYPES[stated[c]]] == []


def test_it_names_every_outcome_and_every_kind_of_rater() -> None:
    assert tuple(re.findall(r"`(\w+)`", MEANING["winner"])) == OUTCOMES
    assert tuple(re.findall(r"`(\w+)`", MEANING["rater_kind"])) == RATER_KINDS


def test_it_names_the_columns_of_an_export_of_all_votes() -> None:
    assert all(f"`{column}`" in PAGE.read_text() for column in STANDING)


def test_its_examples_are_a_vote(tmp_path: Path) -> None:
    examples = {column: example for column, _, _, example in ROWS}
    with (tmp_path / "log.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, examples)
        table.writeheader()
        table.writerow(examples)
    (vote,) = load_votes(tmp_path / "log.csv", conversations=True).to_dict("records")
    read = {column: json.dumps(v) if isinstance(v, list) else str(v) for column, v in vote.items()}
    assert read == examples


def test_other_spellings_read_as_it_says(tmp_path: Path) -> None:
    rows = [("m", "n", "tie (bothbad)", "English"), ("m", "n", "bothbad", "en")]
    frame = pd.DataFrame(rows, columns=["model_a", "model_b", "winner", "language"])
    frame.to_csv(tmp_path / "log.csv", index=False)
    votes = load_votes(tmp_path / "log.csv")
    assert list(votes["winner"]) == ["both_bad", "both_bad"]
    assert list(votes["language"]) == ["en", "en"]
