"""The simulation of residency: what pairing promises holds in every case, whatever the machine."""

import itertools
from pathlib import Path

import pytest

from benchmarks.residency import BATTLES as PUBLISHED
from benchmarks.residency import MODELS, RATERS, SLOTS, measure, simulate

PAGE = Path(__file__).parents[2] / "docs" / "blindness.md"
BATTLES = 300  # two cycles and a half


@pytest.mark.parametrize("slots", [2, 3, 4, 6, 16])
@pytest.mark.parametrize("raters", [1, 5])
def test_counts_stay_within_one_of_the_plan(slots: int, raters: int) -> None:
    tally = simulate("ours", slots, raters, BATTLES)
    counts = [tally.votes[pair] for pair in itertools.combinations(MODELS, 2)]
    assert sum(counts) == BATTLES
    assert set(counts) == {2, 3}


@pytest.mark.parametrize("slots", [3, 4, 6])
@pytest.mark.parametrize("raters", [1, 5])
def test_loads_are_fewer_than_half_of_naive_choice(slots: int, raters: int) -> None:
    ours, naive = (simulate(way, slots, raters, BATTLES) for way in ("ours", "naive"))
    assert ours.loads < naive.loads / 2


def test_one_rater_hardly_ever_waits() -> None:
    waits = simulate("ours", 4, 1, BATTLES).waits
    assert sum(wait > 0 for wait in waits) < len(waits) / 20


def test_where_all_fit_each_is_loaded_once() -> None:
    assert simulate("ours", 16, 3, BATTLES).loads == len(MODELS)


def test_the_report_shows_the_baseline_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.residency.BATTLES", 130)
    report = measure(long=False)
    assert report.ok
    assert [row["way"] for row in report.rows] == ["naive", "ours"] * 6


@pytest.mark.parametrize("slots", SLOTS)
def test_the_page_says_how_sure_a_guess_of_the_next_battle_is(slots: int) -> None:
    rows = [simulate("ours", slots, n, PUBLISHED).row(slots, n, "ours") for n in RATERS]
    said = [row[name] for name in ("surest guess %", "certain %") for row in rows]
    assert f"| {slots} | " + " | ".join(f"{share} %" for share in said) + " |" in PAGE.read_text()
