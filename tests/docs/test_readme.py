"""The README says what is there: its tree, its table, its roster, its code and its commands."""

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from arena.cli.commands import app
from arena.settings import load_settings
from tests.docs.tree import ROOT, tree

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(kind: str, number: int = 0) -> str:
    return str(re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)[number])


def test_its_tree_is_that_of_the_modules() -> None:
    assert tree() in README, "python -m tests.docs.tree prints the tree that belongs there"


def test_its_table_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(ROOT)
    printed = CliRunner().invoke(app, ["leaderboard", "data/votes/simulated.csv"]).output
    lines = [line.rstrip() for line in printed.splitlines()]
    assert [line for line in block("text").splitlines() if line.rstrip() not in lines] == []


def test_its_roster_is_one(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(block("toml"), encoding="utf-8")
    assert [model.kind for model in load_settings(tmp_path / "lab.toml").models] == [
        "local",
        "remote",
    ]


def test_its_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    *lines, last = block("python").strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)  # noqa: S102 - our own page
    table = eval(last, names)  # noqa: S307 - our own page
    assert isinstance(table, pd.DataFrame)
    assert table["model"].iloc[0] == "alder-13b-nf4"


def test_its_commands_are_commands() -> None:
    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    said = set(re.findall(r"^arena (\w+)", block("sh", 1), re.MULTILINE))
    assert said
    assert said <= known


def test_every_file_it_points_to_is_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
