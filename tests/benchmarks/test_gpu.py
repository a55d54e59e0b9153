"""The benchmark for a card runs whole on the processor, on a shape that is almost nothing."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu import PARTS, faults_of, main, measure, missing, run_parts
from benchmarks.gpu_part import FIGURES, run
from benchmarks.gpu_speed import Floor
from benchmarks.gpu_work import Work, row, tiny, write_random
from benchmarks.report import Row


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Return the work of a rehearsal, its weights written."""
    rehearsal = tiny(tmp_path_factory.mktemp("models"))
    write_random(rehearsal.checkpoint, rehearsal)
    return rehearsal


def figures(rows: list[Row]) -> list[str]:
    return [str(found["figure"]) for found in rows]


def test_each_part_can_be_asked_for() -> None:
    assert set(FIGURES) == set(PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["nf4", "none"])
async def test_speed_stands_beside_plain_generate(part: str, work: Work, tmp_path: Path) -> None:
    rows = await run(part, work, tmp_path / "speed.json")
    assert [found["at least"] for found in rows] == [None] * len(work.battles)
    assert all(isinstance(found["times"], float) and found["times"] > 0 for found in rows)
    assert json.loads((tmp_path / "speed.json").read_text()) == rows


@pytest.mark.slow
async def test_memory_is_what_was_estimated(work: Work, tmp_path: Path) -> None:
    rows = await run("memory", work, tmp_path / "memory.json")
    assert figures(rows)[:2] == [
        "one model, GB: estimate, measured",
        "3 models, GB: estimate, measured",
    ]
    assert faults_of(rows) == []


@pytest.mark.slow
async def test_a_roster_without_room_is_served_within_its_budget(
    work: Work, tmp_path: Path
) -> None:
    rows = await run("budget", work, tmp_path / "budget.json")
    assert rows[0]["arithmetic"] == "2 pairs of 3 models"
    assert faults_of(rows) == []


@pytest.mark.slow
async def test_adapters_share_their_base(work: Work, tmp_path: Path) -> None:
    rows = await run("adapters", work, tmp_path / "adapters.json")
    assert faults_of(rows) == []


@pytest.mark.slow
async def test_swapping_stands_beside_copying_and_quantizing(work: Work, tmp_path: Path) -> None:
    rows = await run("swap-nf4", work, tmp_path / "swap.json")
    assert len(rows) == 4
    assert all(isinstance(found["value"], float) and found["value"] > 0 for found in rows)
    assert rows[1]["at most"] == 2


@pytest.mark.slow
async def test_a_failure_is_told_and_the_model_beside_it_serves(work: Work, tmp_path: Path) -> None:
    rows = await run("isolation", work, tmp_path / "isolation.json")
    assert len(rows) == 2
    assert "index" in str(rows[0]["arithmetic"])


@pytest.mark.slow
def test_the_command_runs_a_part_by_itself_and_keeps_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["adapters", "--tiny", "--json", "--models", str(tmp_path / "m")]
    assert main([*words, "--into", str(tmp_path / "i")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["notes"] == ["a rehearsal: no mark applies"]
    assert report["rows"] == json.loads((tmp_path / "i" / "adapters.json").read_text())
    assert (tmp_path / "m" / "written").exists()


def test_a_part_that_is_over_time_is_stopped_and_one_without_time_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "LEAST_S", 0.01)
    monkeypatch.setattr(gpu, "PARTS", {"weights": 0.05, "nf4": 0.0})
    rows, faults = run_parts(["nf4"], tmp_path, tmp_path, ["--tiny"], 60.0)
    assert rows == []
    assert faults == [
        "weights: stopped after 0 s; what it had found is kept",
        "nf4: no time was left for it",
    ]


def test_what_is_missing_is_said_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert missing(["json", "no_such_package"]) == ["no_such_package"]
    monkeypatch.setattr(gpu, "missing", lambda: ["pydantic"])
    assert main([]) == 2
    assert "needs pydantic, not installed here: " in capsys.readouterr().err


def test_the_floor_is_what_the_memory_moves() -> None:
    assert Floor(moved=4.0e12, read=4.0e9).rate(16) == 16_000


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so() -> None:
    report = measure(list(PARTS))
    assert report.notes == ["no GPU here: nothing was measured"]
    assert report.ok


def test_what_misses_its_mark_is_told() -> None:
    assert (
        faults_of([row("a", 3.1, 1.0, least=3.0), row("b", 1.0, 1.0, least=0.95, most=1.05)]) == []
    )
    missed = [row("a", 2.9, 1.0, least=3.0), row("b", 1.06, 1.0, most=1.05), row("c", 1.0)]
    assert faults_of(missed) == [
        "a: 2.9 times, to reach: at least 3",
        "b: 1.06 times, to reach: at most 1.05",
    ]
