"""Reports: a table for people, one JSON object for machines, and an exit status that follows."""

import json

import pytest

from benchmarks.report import Report, conclude, shown

HELD = Report("votes", {"rounds": 2}, [{"through": "store", "votes/s": 12345.6, "max ms": None}])
BROKEN = Report("votes", {}, [], faults=["one vote is lost"])


def test_a_report_that_holds_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(lambda: HELD, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["rows"][0]["votes/s"], said["faults"]) == (True, 12345.6, [])


def test_a_report_with_a_fault_exits_with_1_and_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(lambda: BROKEN, as_json=False) == 1
    assert "FAULT: one vote is lost" in capsys.readouterr().out


def test_a_table_stands_in_columns() -> None:
    title, row = HELD.to_text().splitlines()[1:3]
    assert len(title) == len(row)
    assert row.split() == ["store", "12,346", "-"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "-", id="nothing"),
        pytest.param(True, "yes", id="a truth"),
        pytest.param(1234567, "1,234,567", id="a count"),
        pytest.param(0.012345, "0.0123", id="a small number"),
    ],
)
def test_shows(value: float | None, text: str) -> None:
    assert shown(value) == text
