"""A study of two scripted models on a small bank, in a folder of its own."""

from pathlib import Path

import pytest

BANK = """\
{"id": "ice", "aspect": "physics", "text": {"en": "Why does ice float?", "zh": "冰为什么会浮？"}}
{"id": "bat", "aspect": "biology", "text": {"en": "Is a bat a bird?", "zh": "蝙蝠是鸟吗？"}}
{"id": "sum", "aspect": "mathematics", "text": {"en": "What is 2 + 3?", "zh": "2 加 3 是多少？"}}
"""

STUDY = """\
[study]
name = "survey"
questions = "bank.jsonl"
languages = ["en"]
seed = 5

[[models]]
name = "oak"
kind = "scripted"
responses = ["It is.", "It is so.", "It is as it is."]

[[models]]
name = "pine"
kind = "scripted"
responses = ["No.", "Not at all."]
"""


class Folder:
    """The files of a study, written anew as a test wants them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study = path / "survey.toml"
        self.db = path / "survey.db"
        (path / "bank.jsonl").write_text(BANK, encoding="utf-8")
        self.write(STUDY)

    def write(self, text: str) -> Path:
        self.study.write_text(text, encoding="utf-8")
        return self.study

    def change(self, old: str, new: str) -> Path:
        said = self.study.read_text(encoding="utf-8")
        assert old in said
        return self.write(said.replace(old, new))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
