"""The study's file that the page shows is one that is read."""

import re
import shutil
from pathlib import Path

from arena.studies.study_file import load_study

ROOT = Path(__file__).parents[2]
ROSTER = (
    '[[models]]\nname = "oak"\nkind = "scripted"\n[[models]]\nname = "elm"\nkind = "scripted"\n'
)


def test_the_file_on_the_page_describes_a_study(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "survey.toml").write_text(written, encoding="utf-8")
    (tmp_path / "lab.toml").write_text(ROSTER, encoding="utf-8")
    shutil.copy(ROOT / "data" / "questions" / "nine-aspects.jsonl", tmp_path)
    study = load_study(tmp_path / "survey.toml")
    assert (study.name, len(study), study.seed) == ("survey", 50, 1)
    assert [model.name for model in study.models] == ["oak", "elm"]
    assert study.pool.memory_gib == 22
