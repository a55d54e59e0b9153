"""`docs/question-bank.md` shows a line that is read, and counts what the shipped bank holds."""

import re
from collections import Counter
from pathlib import Path

from arena.questions import ASPECTS, load_bank
from arena.shipped import shipped

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "question-bank.md").read_text()


def test_its_example_is_a_question(tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*)```", PAGE, re.DOTALL)
    (tmp_path / "bank.jsonl").write_text(example)
    (question,) = load_bank(tmp_path / "bank.jsonl")
    assert (question.id, question.text["zh"], question.key["en"]) == (
        "physics-02",
        "速度多大\uff1f",
        "25 m/s.",
    )


def test_it_names_and_counts_the_aspects_of_the_bank() -> None:
    counts = Counter(
        question.aspect for question in load_bank(shipped("questions/nine-aspects.jsonl"))
    )
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\d) \|$", PAGE, re.MULTILINE)
    assert rows == [(slug, names["en"], str(counts[slug])) for slug, names in ASPECTS.items()]
