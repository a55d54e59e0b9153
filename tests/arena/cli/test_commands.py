"""The command line itself: what is typed wrongly is told in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arena.cli.conftest import SIMULATED, Arena


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["frob"], "No such command 'frob'."),
        (["leaderboard"], "Missing argument 'source'."),
        (
            ["serve", "--port", "99999"],
            "Invalid value for '--port': it should be less than or equal to 65535.",
        ),
    ],
)
def test_what_is_typed_wrongly_is_told_in_one_sentence_with_the_way_out(
    arena: Arena, typed: list[str], said: str
) -> None:
    run = arena(*typed)
    command = " ".join(["arena", *typed[: typed[0] != "frob"]])
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"arena: {said} See `{command} --help`.\n"


def test_without_a_command_the_help_is_shown_and_nothing_else(arena: Arena) -> None:
    run = arena()
    assert (run.returncode, "Usage: arena" in run.stdout, run.stderr) == (2, True, "")


def test_a_command_that_was_meant_is_named(arena: Arena) -> None:
    said = "arena: No such command 'leaderbord'. Did you mean 'leaderboard'? See `arena --help`.\n"
    assert arena("leaderbord").stderr == said


def test_a_file_that_the_system_refuses_is_named_with_the_way_out(
    arena: Arena, tmp_path: Path
) -> None:
    name = tmp_path / f"{'x' * 300}.csv"
    run = arena("leaderboard", name)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        f"arena: {name} cannot be used (File name too long). Check that its name is right, that "
        "you may read and write it, and that its disk has room.\n"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left on device"),
            "What is said here cannot be written (No space left on device). Send it elsewhere.",
        ),
        (
            OSError(12, "Cannot allocate memory"),
            "The system refused this command (Cannot allocate memory).",
        ),
    ],
)
def test_what_the_system_refuses_of_no_file_is_told(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("arena.cli.boards._choice", refuse)
    run = arena("leaderboard", "votes.csv")
    assert (run.returncode, run.stderr) == (1, f"arena: {said}\n")


def test_a_command_whose_streams_are_closed_does_its_work(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after `<&- >&- 2>&-`; Python then has no stream there."""
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{stream}", None)
    assert arena("export", SIMULATED, tmp_path / "votes.csv").returncode == 0
    assert (tmp_path / "votes.csv").exists()
    assert arena("leaderboard", SIMULATED).returncode == 0
    assert arena("leaderboard", tmp_path / "absent.csv").returncode == 2
    for nowhere in (sys.stdin, sys.stdout, sys.stderr):
        nowhere.close()


FULL = Path("/dev/full")


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(["leaderboard", SIMULATED], id="it is known while it is printed"),
        pytest.param(["study", "--help"], id="it is known at the end"),
    ],
)
def test_what_cannot_be_written_is_told_once_and_ends_with_1(typed: list[str | Path]) -> None:
    command = [sys.executable, "-m", "arena", *map(str, typed)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with FULL.open("w", encoding="utf-8") as full:
        run = subprocess.run(  # noqa: S603 - our own code
            command, stdout=full, stderr=subprocess.PIPE, env=kept, text=True, check=False
        )
        unheard = subprocess.run(  # noqa: S603 - our own code
            command, stdout=full, stderr=full, env=kept, check=False
        )
    said = "What is said here cannot be written (No space left on device). Send it elsewhere."
    assert (run.returncode, run.stderr) == (1, f"arena: {said}\n")
    assert unheard.returncode == 1


@pytest.mark.slow
def test_a_terminal_that_lacks_letters_gets_signs_for_them(tmp_path: Path) -> None:
    """As in a locale of GBK or Latin-1; before, a traceback."""
    votes = tmp_path / "votes.csv"
    votes.write_text("model_a,model_b,winner\n不,b,tie\n", encoding="utf-8")
    run = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-m", "arena", "leaderboard", str(votes)],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"  \\u4e0d " in run.stdout
    assert b"\n  1-2  " in run.stdout
