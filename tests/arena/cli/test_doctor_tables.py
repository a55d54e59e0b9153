"""The doctor's table of needs: a line a model, a dash for what is not ours to hold."""

import io
from pathlib import Path

from rich.console import Console

from arena.cli.doctor_tables import findings, needs
from arena.doctor import Finding, Level
from arena.roster import look_at
from arena.shipped import shipped
from serving.spec import ModelSpec


def printed(table: object) -> list[str]:
    paper = io.StringIO()
    Console(width=160, file=paper).print(table)
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
