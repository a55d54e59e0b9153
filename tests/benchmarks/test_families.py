"""The table of architectures: what is loaded for it, and what must not be in it."""

import pytest

from benchmarks.families import QUANTIZATIONS, measured, table
from benchmarks.report import Row

BATCHED: Row = {"served": "in batches", "estimate": 1.0, "same": True}


async def test_an_architecture_is_loaded_in_every_quantization() -> None:
    found = await measured(["gpt2"])
    assert list(found["gpt2"]) == list(QUANTIZATIONS)
    assert {one["served"] for one in found["gpt2"].values()} == {"in batches"}
    assert table(found).ok


@pytest.mark.parametrize(
    ("way", "one", "fault"),
    [
        ("nf4", {**BATCHED, "same": False}, "x, nf4: says something else in company than alone"),
        ("none", {**BATCHED, "estimate": 1.06}, "x, none: estimate 1.060 of measured"),
        ("int8", {**BATCHED, "same": False}, None),
        ("int8", {"served": "plainly", "estimate": 2.0, "same": True}, None),
        ("nf4", {"served": "refused", "why": "no layer"}, None),
    ],
)
def test_what_must_not_be_is_a_fault(way: str, one: Row, fault: str | None) -> None:
    report = table({"x": {**dict.fromkeys(QUANTIZATIONS, BATCHED), way: one}})
    assert list(report.faults) == ([fault] if fault else [])
    assert list(report.notes) == (["x, nf4: no layer"] if one["served"] == "refused" else [])
