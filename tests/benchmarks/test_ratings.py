"""Ratings: turns, figures without a peer, and memory of a process that ends well."""

import sys

import pytest

from benchmarks.ratings import Figure, in_turns, peak_bytes


def test_works_run_in_turns_after_one_run_that_does_not_count() -> None:
    said: list[str] = []
    medians = in_turns(3, lambda: said.append("ours"), lambda: said.append("theirs"))
    assert said == ["ours", "theirs"] * 4
    assert len(medians) == 2


def test_a_figure_is_missed_when_the_peer_is_too_close() -> None:
    assert Figure("Elo", 1.0, 3.9, "a peer", 4.0).missed
    assert not Figure("Elo", 1.0, 4.0, "a peer", 4.0).missed


def test_a_peer_that_is_not_there_has_no_ratio_and_misses_nothing() -> None:
    figure = Figure("Elo", 1.0, None, "a peer: not installed", 4.0)
    assert figure.row()["ratio"] is None
    assert not figure.missed


def test_peak_memory_is_that_of_the_command_alone() -> None:
    small, large = (
        peak_bytes([sys.executable, "-c", f"b'x' * {size}"]) for size in (1, 200 * 2**20)
    )
    assert 150 * 2**20 < large - small < 250 * 2**20


def test_memory_of_a_command_that_fails_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        peak_bytes([sys.executable, "-c", "raise SystemExit(3)"])
