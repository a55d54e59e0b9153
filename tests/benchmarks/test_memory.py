"""The benchmark of memory asks its questions to the end, of a model that is almost nothing."""

from pathlib import Path

import pytest

from benchmarks.memory import ADAPTERS, Size, copied, faults_of, figures


@pytest.mark.slow
async def test_every_figure_is_there_and_says_what_it_means(tmp_path: Path) -> None:
    rows = await figures(tmp_path, Size(128, 1, 128, 2, 1, 128, 3))
    values = {str(row["figure"]): row["value"] for row in rows}
    assert len(values) == 3 + 1 + 3 * 8
    assert isinstance(shared := values[f"base and {ADAPTERS} adapters, in models"], float)
    assert 1 < shared < ADAPTERS
    assert all(isinstance(value, float) and value > 0 for value in values.values())


def test_an_estimate_may_miss_on_neither_side() -> None:
    def row(value: float) -> dict[str, float | str]:
        return {"figure": "estimate against measured, nf4", "value": value, "at most": 1.05}

    assert faults_of([row(1.04), row(0.96)]) == []
    assert len(faults_of([row(1.06), row(0.94)])) == 2


def test_what_is_copied_is_the_file(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(bytes(range(256)) * 40)
    with copied(file) as fresh:
        assert bytes(fresh) == file.read_bytes()
