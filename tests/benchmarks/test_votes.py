"""The measurement of votes: it counts what is in the file, and its rows follow from its times."""

from pathlib import Path

import pytest

from benchmarks.votes import (
    RAW,
    WARM_UP,
    Round,
    Sizes,
    Timed,
    faults_of,
    measure,
    notes_of,
    prepare,
    rows_of,
    time_raw,
    time_store,
)

MANY = "store, 64 raters"


def rounds(*speeds: tuple[float, float]) -> list[Round]:
    """Return rounds in which raw and store take so many seconds for four votes."""
    return [
        {RAW: Timed(raw, [raw / 4] * 4, 4), MANY: Timed(store, [store / 4] * 4, 4)}
        for raw, store in speeds
    ]


async def test_every_vote_that_is_timed_is_in_the_file(tmp_path: Path) -> None:
    await prepare(tmp_path / "arena.db", 12 + WARM_UP)
    timed = await time_store(tmp_path / "arena.db", 8, 12)
    assert (len(timed.each), timed.stored) == (12, 12)
    assert 0 < timed.milliseconds(0.5) / 1_000 <= timed.seconds


def test_every_raw_vote_is_in_the_file_too(tmp_path: Path) -> None:
    timed = time_raw(tmp_path / "raw.db", 5)
    assert (len(timed.each), timed.stored) == (5, 5)


def test_a_vote_that_is_acknowledged_and_not_stored_is_a_fault() -> None:
    one = {RAW: Timed(1.0, [0.5, 0.5], 1)}
    assert faults_of([one]) == [f"round 1, {RAW}: 2 votes acknowledged, 1 stored"]
    assert faults_of(rounds((1.0, 1.0))) == []


def test_the_ratio_is_the_median_of_ratios_within_a_round() -> None:
    slow_disk, quick_disk, other = (10.0, 1.0), (1.0, 0.5), (1.0, 2.0)
    raw, store = rows_of(rounds(slow_disk, quick_disk, other))
    assert (raw["times raw"], store["times raw"]) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("raw_s", "bar"),
    [pytest.param(0.004, "50 ms", id="quick"), pytest.param(0.04, "150 ms", id="slow")],
)
def test_the_bar_of_the_tail_follows_a_slow_disk(raw_s: float, bar: str) -> None:
    assert f"the bar is {bar}" in notes_of(rounds((raw_s, 0.1)))[1]


def test_the_slowest_of_a_hundred_is_the_99th() -> None:
    timed = Timed(1.0, [n / 1_000 for n in range(100)], 100)
    assert (timed.milliseconds(0.5), timed.milliseconds(0.99)) == (50.0, 99.0)


def test_all_of_it_runs_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENHAND_BENCH_DIR", str(tmp_path))
    report = measure(Sizes(1, {1: 2, 64: 64}, 2))
    assert report.ok
    assert [row["votes through"] for row in report.rows] == [RAW, "store, 1 rater", MANY]
