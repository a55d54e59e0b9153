"""Circles: what luck closes among very many triples is not called certain."""

import numpy as np
import pytest

from ratings.bradley_terry import bradley_terry
from ratings.calibration import calibration
from ratings.circles import circles
from ratings.counts import PairCounts
from ratings.votes import Votes


def coins(seed: int, n_models: int, of_pair: int) -> PairCounts:
    """Return as many votes of each pair of equal models, without ties."""
    pairs = np.repeat(np.column_stack(np.triu_indices(n_models, 1)), of_pair, axis=0)
    outcome = np.random.default_rng(seed).integers(2, size=len(pairs))
    return PairCounts.of(
        Votes.from_arrays(tuple(f"m{m:02}" for m in range(n_models)), pairs, outcome)
    )


@pytest.mark.parametrize("of_pair", [4, 8, 20])
def test_equal_models_close_no_certain_circle_however_many_they_are(of_pair: int) -> None:
    """By one rule for every triple there was one in half of the logs of 59 models."""
    found = [calibration(bradley_terry(coins(seed, 59, of_pair))) for seed in range(20)]
    assert sum(bool(one.certain_cycles) for one in found) <= 2
    assert {one.triples for one in found} == {59 * 58 * 57 // 6}
    assert all(one.cycles for one in found)


def test_a_circle_of_nearly_all_wins_is_certain_among_many_models() -> None:
    counts = coins(0, 30, 20)
    seats = counts.seats.copy()
    for first, second, won in ((0, 1, 0), (1, 2, 0), (0, 2, 1)):
        seats[first, second] = 0.0
        seats[first, second, won] = 20.0
    found = circles(PairCounts(counts.models, seats), 1.0)
    assert ("m00", "m01", "m02") in found.certain_cycles
    assert found.surest_cycle == ("m00", "m01", "m02")


def test_four_votes_are_too_few_for_a_certain_step() -> None:
    """Four wins of four: two standard deviations, and one in 16 by chance, half of it counted."""
    pairs = [[0, 1], [1, 2], [2, 0]] * 4
    counts = PairCounts.of(Votes.from_arrays(tuple("ABC"), pairs, [0] * 12))
    assert circles(counts, 1.0).certain_cycles == []
    more = PairCounts.of(Votes.from_arrays(tuple("ABC"), pairs * 2, [0] * 24))
    assert circles(more, 1.0).certain_cycles == [("A", "B", "C")]
