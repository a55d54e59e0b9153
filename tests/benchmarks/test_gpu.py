"""The benchmark for a card runs whole on the processor, on a shape that is almost nothing."""

from pathlib import Path

import pytest
import torch

from benchmarks.gpu import Work, faults_of, figures, measure

TINY = {
    "model_type": "llama",
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
}


@pytest.mark.slow
async def test_it_runs_whole_where_there_is_no_card(tmp_path: Path) -> None:
    work = Work("cpu", TINY, (1, 2), 4, models=3, budget=30_000_000, quantizations=("nf4", "none"))
    rows = await figures(tmp_path, work)
    assert len(rows) == 2 * 2 + 2 + 1
    assert all(isinstance(row["times"], float) and row["times"] > 0 for row in rows)
    assert [row["arithmetic"] for row in rows][-1] == "2 pairs of 3 models"
    assert not [fault for fault in faults_of(rows) if "estimate" in fault or "budget" in fault]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so() -> None:
    report = measure(long=False)
    assert report.notes == ["no GPU here: nothing was measured"]
    assert report.ok


def test_what_misses_its_mark_is_told() -> None:
    def row(figure: str, times: float) -> dict[str, str | float]:
        return {"figure": figure, "times": times}

    good = [row("nf4, 16 battles: tokens a second", 3.1), row("one model: estimate", 0.97)]
    assert faults_of(good) == []
    bad = [row("nf4, 16 battles: tokens", 2.9), row("estimate", 1.06), row("a budget", 1.01)]
    assert len(faults_of(bad)) == 3
