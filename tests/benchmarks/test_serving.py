"""The benchmark of serving measures both ways to the end, on models that are almost nothing."""

from pathlib import Path

import pytest

from benchmarks.serving import BATTLES, MODELS, compare


@pytest.mark.slow
async def test_both_ways_make_the_same_number_of_tokens(tmp_path: Path) -> None:
    measured = await compare(tmp_path, tokens=4, rounds=1, width=64, layers=1)
    for (turn,) in measured.values():
        assert turn.tokens == 4 * BATTLES * MODELS
        assert len(turn.first_s) == BATTLES * MODELS
        assert turn.cpu_ms_per_token > 0
