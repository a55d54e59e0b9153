"""The table of hardware: more fits where less is asked for, and never more than there is."""

from pathlib import Path

from benchmarks.hardware import CARDS, room_of, rows_of
from serving.devices import GIB


def test_more_models_fit_the_smaller_they_are_and_all_of_them_fit(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "Llama-3.1-8B", 2048)
    for card in CARDS:
        fit = [row[f"in {card} GB"] for row in rows]
        assert fit == sorted(fit, key=int)  # type: ignore[arg-type]
        for row, many in zip(rows, fit, strict=True):
            assert isinstance(size := row["in all GiB"], float)
            assert isinstance(many, int)
            assert many * size * GIB <= room_of(card) < (many + 1) * size * GIB
    assert room_of(24) < 24 * GIB
