"""`arena simulate`: what it says is what is in the database."""

import shlex
from pathlib import Path

from arena.record.logquery import read_log
from tests.arena.cli.conftest import Arena


def test_raters_without_a_vote_are_not_said_to_have_voted(arena: Arena, tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    run = arena("simulate", "--models", "3", "--raters", "12", "--votes", "5", "--db", db)
    assert run.returncode == 0
    assert f"Added to {db}: simulated votes 5, raters 5, models 3." in run.stdout.replace("\n", "")
    assert read_log(db)["judge"].nunique() == 5


def test_a_pipe_gets_two_lines_and_a_command_that_a_shell_can_read(
    arena: Arena, tmp_path: Path
) -> None:
    db = tmp_path / "our lab's.db"
    run = arena("simulate", "--models", "2", "--votes", "1", "--db", db)
    assert run.stderr == ""
    told, look = run.stdout.splitlines()
    assert told.startswith("Added to ")
    assert shlex.split(look.partition(": ")[2]) == ["arena", "leaderboard", str(db)]
