"""All benchmarks in one go: one that fails neither hides nor stops the others."""

import json
from pathlib import Path

import pytest

from benchmarks import run

GOOD = 'print("{\\"ok\\": true}")\n'
BAD = 'import sys\nprint("lost")\nsys.exit(1)\n'
SLOW = "import time\ntime.sleep(60)\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a folder of other benchmarks in place of ours."""
    made = tmp_path / "trial"
    made.mkdir()
    for name, text in {"good": GOOD, "bad": BAD, "slow": SLOW}.items():
        (made / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(run, "HERE", made)
    monkeypatch.setattr(run, "PACKAGE", "trial")
    monkeypatch.setattr(run, "ORDER", ("bad", "good"))
    return made


@pytest.mark.usefixtures("folder")
def test_one_that_fails_makes_the_status_1_and_the_next_still_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run.main([]) == 1
    said = capsys.readouterr().out
    assert said.index("lost") < said.index('"ok": true')
    assert "1 of 2 benchmarks held" in said
    assert said.rstrip().endswith("failed: bad")


@pytest.mark.usefixtures("folder")
def test_json_is_one_object_with_the_machine_and_every_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run.main(["--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    bad, good = said["benchmarks"]
    assert (bad["status"], bad["said"]) == (1, "lost\n")
    assert (good["status"], good["report"]) == (0, {"ok": True})
    assert "SQLite" in said["machine"]


@pytest.mark.usefixtures("folder")
def test_one_alone_can_be_named() -> None:
    assert run.main(["good"]) == 0


@pytest.mark.usefixtures("folder")
def test_an_unknown_one_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["vote"])
    assert ended.value.code == 2
    assert "no benchmark vote; there are bad, good" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_one_that_hangs_is_stopped() -> None:
    result = run.run_one("slow", [], 1.0)
    assert (result["status"], result["said"]) == (1, "slow: stopped after 1 s\n")


@pytest.mark.usefixtures("folder")
def test_what_one_has_used_up_the_next_does_not_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LEAST_S", 1.0)
    shown: list[run.Result] = []
    results = run.run_all(["slow", "slow"], [], 1.0, shown.append)
    assert [result["status"] for result in results] == [1, 1]
    assert shown == results


def test_all_short_forms_together_stay_within_20_minutes() -> None:
    assert run.SHORT_S + (len(run.ORDER) - 1) * run.LEAST_S <= 20 * 60


@pytest.mark.parametrize("name", run.ORDER)
def test_every_benchmark_stands_in_the_figures_with_its_command(name: str) -> None:
    figures = (run.HERE.parent / "docs" / "figures.md").read_text(encoding="utf-8")
    assert f"`python -m benchmarks.{name}`" in figures
    assert (run.HERE / f"{name}.py").is_file()
