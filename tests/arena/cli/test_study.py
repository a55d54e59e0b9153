"""`arena study generate` as its people start it, and as the system kills it."""

import inspect
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arena.cli.commands import app
from serving.engine import EngineError, FailureKind
from tests.arena.cli.conftest import Arena

DATA = Path(__file__).parents[3] / "data"
QUESTIONS = 30
ASKED = int(os.environ.get("EVENHAND_STUDY_QUESTIONS", "12"))  # of the 38 of tiny.jsonl
SCRIPTED = """\
[study]
name = "survey"
questions = "bank.jsonl"
languages = ["en"]
seed = 5

[[models]]
name = "oak"
kind = "scripted"
responses = ["It is.", "It is so.", "It is as it is.", "It is not."]
batch = 2
behaviour = { chunk_s = 0.02 }

[[models]]
name = "pine"
kind = "scripted"
responses = ["No.", "Not at all.", "By no means."]
batch = 2
behaviour = { chunk_s = 0.02 }
"""
EMBEDDED = f"""\
[study]
name = "tiny"
questions = "bank.jsonl"
roster = "{DATA / "rosters" / "demo.toml"}"
languages = ["en"]
seed = 7
"""

Rows = dict[tuple[str, str], list[tuple[str, str, int, int]]]


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    bank = [
        f'{{"id": "q{n}", "aspect": "daily", "text": {{"en": "What is {n}?"}}}}'
        for n in range(QUESTIONS)
    ]
    (tmp_path / "bank.jsonl").write_text("\n".join(bank), encoding="utf-8")
    path = tmp_path / "survey.toml"
    path.write_text(SCRIPTED, encoding="utf-8")
    return path


def command(study: Path, db: Path) -> list[str]:
    return [sys.executable, "-m", "arena", "study", "generate", str(study), "--db", str(db)]


def generate(study: Path, db: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own code
        command(study, db), capture_output=True, text=True, check=False, timeout=600
    )


def stored(db: Path) -> int:
    if not db.exists():
        return 0
    with closing(sqlite3.connect(db)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM study_response").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are not made yet
            return 0


def rows(db: Path) -> Rows:
    """Return what each model said to each question, as often as it is there."""
    query = """
        SELECT model.name, question.name, response.text, finish_reason, tokens, response.seed
        FROM study_response
        JOIN model ON model.id = study_response.model_id
        JOIN question ON question.id = question_id
        JOIN response ON response.id = response_id"""
    found: Rows = {}
    with closing(sqlite3.connect(db)) as connection:
        for model, question, *said in connection.execute(query):
            found.setdefault((model, question), []).append(tuple(said))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return found


KILLED = f"""
import os, signal, sqlite3, sys, threading, time
from contextlib import closing
from pathlib import Path
from arena.__main__ import main

{inspect.getsource(stored)}
def watch(db, responses):
    while stored(db) < responses:
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)

ends = (Path(sys.argv.pop()), int(sys.argv.pop()))
threading.Thread(target=watch, args=ends, daemon=True).start()
main()
"""


def kill_at(study: Path, db: Path, responses: int) -> None:
    """Start a run and take it away without a word once so many responses are stored.

    By a thread of its own: another process may get no turn before the run is at its end.
    """
    words = command(study, db)[3:]
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", KILLED, *words, str(responses), str(db)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=600,
    )
    assert done.returncode == -signal.SIGKILL, "the run ended before it was killed"


def kill_often(study: Path, db: Path, ends: list[int]) -> None:
    for end in ends:
        kill_at(study, db, max(end, stored(db) + 1))


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(
    survey: Path, arena: Arena
) -> None:
    whole, killed = survey.with_name("whole.db"), survey.with_name("killed.db")
    assert arena("study", "generate", survey, "--db", whole).returncode == 0
    source = random.Random()  # noqa: S311 - any moment will do
    kill_often(survey, killed, sorted(source.sample(range(1, 2 * QUESTIONS - 8), 4)))
    assert generate(survey, killed).returncode == 0
    found = rows(killed)
    assert len(found) == 2 * QUESTIONS
    assert {len(said) for said in found.values()} == {1}
    assert found == rows(whole)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_embedded_models_say_the_same_whether_they_are_killed_or_not(
    tmp_path: Path, arena: Arena
) -> None:
    study = tmp_path / "tiny.toml"
    study.write_text(EMBEDDED, encoding="utf-8")
    bank = (DATA / "questions" / "tiny.jsonl").read_text(encoding="utf-8").splitlines()
    asked = bank[:: len(bank) // ASKED][:ASKED]  # of every aspect
    (tmp_path / "bank.jsonl").write_text("\n".join(asked), encoding="utf-8")
    whole, killed = tmp_path / "whole.db", tmp_path / "killed.db"
    assert arena("study", "generate", study, "--db", whole).returncode == 0
    kill_at(study, killed, random.Random().randrange(1, 4 * ASKED - 21))  # noqa: S311 - any moment
    done = arena("study", "generate", study, "--db", killed)
    assert done.returncode == 0
    assert f"All {4 * ASKED} responses of study 'tiny' are in" in done.stdout
    found, expected = rows(killed), rows(whole)
    assert {len(said) for said in found.values()} == {1}
    assert _alone(found) == _alone(expected)
    assert len(_alone(found)) == 3 * ASKED
    seeds = {key: said[0][-1] for key, said in found.items()}
    assert seeds == {key: said[0][-1] for key, said in expected.items()}
    with closing(sqlite3.connect(killed)) as connection:
        hashes = connection.execute("SELECT DISTINCT checkpoint FROM study_response").fetchall()
    assert sorted(len(checkpoint) for (checkpoint,) in hashes) == [64] * 4


def _alone(found: Rows) -> Rows:
    """Return what models said that say the same in any company.

    An int8 model does not: its outliers are found over the whole batch, and a run that goes on
    after a kill has other batches.
    """
    return {key: said for key, said in found.items() if key[0] != "harbor-1m"}


def test_what_failed_is_listed_with_its_cause_and_ends_with_1(survey: Path, arena: Arena) -> None:
    text = SCRIPTED.replace("chunk_s = 0.02 }", 'fail_at = 1, fail_kind = "nan" }', 1)
    survey.write_text(text, encoding="utf-8")
    done = arena("study", "generate", survey, "--db", survey.with_name("a.db"))
    assert done.returncode == 1
    assert "oak: 30 failed, q" in done.stderr
    assert "and 25 more: nan: oak: told to fail at chunk 1" in done.stderr
    assert "30 of 60 responses of study 'survey' are missing. Mend the" in done.stderr
    assert "pine  30 of 30 responses, 30 made now in" in done.stdout


def test_progress_in_a_pipe_is_lines_without_escapes(survey: Path) -> None:
    done = generate(survey, survey.with_name("a.db"))
    assert done.returncode == 0
    assert "\x1b" not in done.stderr + done.stdout
    assert "oak (1 of 2): 0 of 60 in all, loading, time left unknown" in done.stderr
    assert "pine (2 of 2): 30 of 60 in all" in done.stderr
    assert "All 60 responses of study 'survey' are in" in done.stdout


def test_a_mistake_in_the_file_is_told_with_its_line(survey: Path, arena: Arena) -> None:
    survey.write_text(SCRIPTED.replace("seed", "sed", 1), encoding="utf-8")
    done = arena("study", "generate", survey, "--db", survey.with_name("a.db"))
    assert done.returncode == 2
    assert "line 5, study.sed: unknown key" in done.stderr
    assert not survey.with_name("a.db").exists()


def test_a_model_that_changed_is_refused(survey: Path, arena: Arena) -> None:
    db = survey.with_name("a.db")
    assert arena("study", "generate", survey, "--db", db).returncode == 0
    survey.write_text(SCRIPTED.replace("By no means.", "Never."), encoding="utf-8")
    done = arena("study", "generate", survey, "--db", db)
    assert done.returncode == 2
    assert "'pine' is not the model any more" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "arena", "study", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "generate" in done.stdout


def test_what_a_server_says_is_no_line_of_ours(
    survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise EngineError(
            FailureKind.BACKEND, "oak: HTTP 500:\nAll 60 responses are in a.db.\x1b[2K"
        )

    monkeypatch.setattr("serving.reach.reach", refuse)
    monkeypatch.setattr("arena.studies.generating.REST_S", 0.001)
    far = 'url = "http://127.0.0.1:1/v1"\nremote_name = "x"'
    scripted = SCRIPTED[SCRIPTED.index('kind = "scr') : SCRIPTED.index('[[models]]\nname = "pine"')]
    survey.write_text(SCRIPTED.replace(scripted, f"{far}\n\n", 1), encoding="utf-8")
    words = ["study", "generate", str(survey), "--db", str(survey.with_name("a.db"))]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert "Waiting for the server of oak: asked again in 0 s, 8 times in a row at most." in lines
    forged = r"HTTP 500:\nAll 60 responses are in a.db.\x1b[2K"
    assert f"ERROR serving.standing: oak: not loaded (backend): {forged}" in lines
    assert any(line.endswith(f"and 25 more: backend: oak: {forged}") for line in lines)
    assert not [line for line in lines if line.startswith("All 60")]
