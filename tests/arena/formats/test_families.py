"""The public formats: an event that is no vote is refused with its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from arena.errors import LogError
from arena.formats import read_votes


@pytest.mark.parametrize(
    "event",
    [
        {"models": ["oak"], "states": [{}]},
        {"models": "ab", "states": "xy"},
        {"models": ["", ""], "states": [1, 2]},
        {"models": ["oak", "pine"], "states": [{"messages": 5}, {"offset": "x"}]},
    ],
)
def test_an_event_of_fastchat_that_cannot_be_read_is_no_vote(
    tmp_path: Path, event: dict[str, Any]
) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(json.dumps({"type": "leftvote", **event}) + "\n", encoding="utf-8")
    with pytest.raises(LogError, match="line 1: model_a is empty"):
        read_votes(path)
