"""The measurement of a refresh: real databases, real votes, and faults where bars do not hold."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.refresh import Measured, Sizes, drawn, faults_of, interleaved

GOOD = Measured(1_000, (0.010, 0.012, 0.011), 1.0, 0.5, 1e-12)


async def test_refreshed_boards_of_real_databases_equal_a_recount(tmp_path: Path) -> None:
    few, many = await interleaved(tmp_path, Sizes(few=200, many=400, added=2))
    assert [len(one.refreshes) for one in (few, many)] == [2, 2]
    assert max(few.apart, many.apart) < 1e-9


def test_every_model_is_on_one_scale_from_the_first_votes_on() -> None:
    votes = drawn(150)
    assert set(votes.a.tolist()) == set(votes.b.tolist()) == set(range(150))
    assert set(votes.outcome.tolist()) == {2}


def test_a_refresh_is_the_median_one() -> None:
    assert GOOD.refresh == 0.011
    assert GOOD.row()["refresh ms"] == pytest.approx(11)


@pytest.mark.parametrize(
    ("many", "fault"),
    [
        pytest.param(replace(GOOD, refreshes=(0.017,)), "1.55 times", id="slower"),
        pytest.param(replace(GOOD, apart=1e-8), "differs from a recount", id="another board"),
        pytest.param(replace(GOOD, apart=float("nan")), "differs", id="nothing to compare"),
    ],
)
def test_what_does_not_hold_is_a_fault(many: Measured, fault: str) -> None:
    assert faults_of(GOOD, GOOD) == []
    (said,) = faults_of(GOOD, many)
    assert fault in said
