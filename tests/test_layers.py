"""The layers hold, and a line in the wrong room is found: each contract is broken once here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the three packages and their contracts, to be spoilt."""
    copy = tmp_path_factory.mktemp("house")
    for package in ("arena", "ratings", "serving"):
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(  # noqa: S603 - our own tool
        command, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_layers_hold(house: Path) -> None:
    found = lint(house)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("ratings/elo.py", "import arena.errors", "arena stands on ratings and serving"),
        ("serving/duet.py", "import ratings.elo", "arena stands on ratings and serving"),
        ("arena/record/store.py", "import arena.battle.battles", "pages on battles"),
        ("ratings/votes.py", "import ratings.elo", "ratings: a table on estimators"),
        ("serving/spec.py", "import serving.pool", "serving: a pool on engines"),
        ("ratings/votes.py", "import torch", "ratings is arithmetic"),
        ("serving/spec.py", "import pandas", "serving knows no votes"),
        ("arena/battle/battles.py", "import gradio", "only arena.web speaks Gradio"),
        ("arena/battle/battles.py", "import sqlalchemy", "only the record speaks SQL"),
        ("arena/web/app.py", "import arena.record.store", "a vote is written through battles"),
        ("arena/web/app.py", "import arena.record.casting", "the rules of a vote row"),
        ("arena/web/app.py", "import arena.record.writer", "the rules of a vote row"),
        ("arena/battle/views.py", "import arena.battle.turns", "arena.battle: the whole way"),
        ("arena/record/tables.py", "import arena.record.showing", "arena.record: reading on"),
        ("arena/pairing/cycles.py", "import arena.pairing.rotation", "arena.pairing: draws"),
        ("arena/battle/turns.py", "import arena.board", "never read the log of them"),
        ("arena/record/store.py", "import arena.formats", "never read the log of them"),
        ("arena/record/store.py", "import arena.settings", "the record knows no settings"),
        ("arena/battle/admission.py", "import arena.record.tables", "what may be asked"),
    ],
)
def test_a_line_in_the_wrong_room_is_found(
    house: Path, file: str, line: str, contract: str
) -> None:
    spoilt = house / file
    before = spoilt.read_text(encoding="utf-8")
    spoilt.write_text(f"{before}\n{line}\n", encoding="utf-8")
    found = lint(house)
    spoilt.write_text(before, encoding="utf-8")
    assert found.returncode == 1
    broken = [row for row in found.stdout.splitlines() if row.endswith("BROKEN")]
    assert any(contract in row for row in broken), found.stdout
