"""Conversations: what cannot be understood is missing, and the vote stands without it."""

import json
from pathlib import Path

import pytest

from arena.formats import read_votes, write_votes


def line(path: Path, **said: object) -> Path:
    vote = {"model_a": "oak", "model_b": "pine", "winner": "tie"}
    path.write_text(json.dumps(vote | said) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("conversation", [5, True, {"role": "user"}, "[" * 100_000])
def test_what_is_no_conversation_is_missing(tmp_path: Path, conversation: object) -> None:
    votes = read_votes(line(tmp_path / "v.jsonl", conversation_a=conversation))
    assert votes["conversation_a"].isna().all()


def test_what_is_no_text_in_a_conversation_is_spelled(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": 5}, {"role": "user", "content": [{"text": 7}, None]}]
    votes = read_votes(line(tmp_path / "v.jsonl", conversation_a=turns))
    said = [turn["content"] for turn in votes["conversation_a"][0]]
    assert said == ["5", "7"]


def test_prompts_and_responses_that_are_no_texts_are_missing(tmp_path: Path) -> None:
    votes = read_votes(line(tmp_path / "v.jsonl", prompt=5, response_a=True))
    assert votes["conversation_a"].isna().all()


def test_half_a_character_can_be_written_again(tmp_path: Path) -> None:
    votes = read_votes(line(tmp_path / "v.jsonl", judge="\ud83d"))
    write_votes(votes, tmp_path / "o.csv")
    assert list(read_votes(tmp_path / "o.csv")["judge"]) == ["\N{REPLACEMENT CHARACTER}"]
