"""The doctor's table of needs: a line a model, a dash for what is not ours to hold."""

import io
from pathlib import Path

from rich.console import Console

from arena.cli.doctor_tables import findings, needs
from arena.doctor import Finding, Level
from arena.roster import look_at
from arena.shipped import shipped
from serving.spec import ModelSpec
from tests.arena.cli.conftest import Arena


def printed(table: object, width: int = 160) -> list[str]:
    paper = io.StringIO()
    Console(width=width, file=paper).print(table)
    return paper.getvalue().splitlines()


def test_each_model_has_a_line_with_its_place_and_its_memory() -> None:
    folder = next(path for path in shipped("models").iterdir() if (path / "config.json").exists())
    models = [
        ModelSpec(name="elm", checkpoint=str(folder)),
        ModelSpec(name="twin", checkpoint=str(folder)),
        ModelSpec(name="far [x]", url="http://h/v1", remote_name="x"),
        ModelSpec(name="gone", checkpoint=str(Path("/nowhere/gone"))),
    ]
    _, _, elm, twin, far, gone = printed(needs(look_at(models, {"cpu": 2**30})))
    assert "cpu" in elm
    assert "on the weights of elm" in twin
    assert far.startswith("far [x]")
    assert "elsewhere" in far
    assert "not at all: see below" in gone


def test_a_finding_is_a_line_with_its_way_out() -> None:
    _, line = printed(findings([Finding(Level.BAD, "disk [1]", "is full", "Make room.")]))
    assert line.split() == ["bad", "disk", "[1]", "is", "full", "Make", "room."]


def test_a_path_is_never_cut_however_narrow_the_terminal() -> None:
    path = "/srv/arena/" + "x" * 60
    lines = printed(findings([Finding(Level.BAD, "key", "is open", f"chmod 600 {path}")]), 40)
    assert path in "".join(line.split()[-1] for line in lines[1:])


def test_a_pipe_is_as_wide_as_the_longest_line(arena: Arena, tmp_path: Path) -> None:
    db = tmp_path / ("x" * 90) / "arena.db"
    line = f"note  database      {db} is not there yet"
    assert line in arena("doctor", "--db", db).stdout
