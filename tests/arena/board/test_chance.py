"""The miss of predictions: what chance gives is what the true ratings miss by."""

import numpy as np
import pytest

from arena.board.chance import miss_of
from ratings.counts import PairCounts
from ratings.elo import expected_score
from ratings.votes import Votes

RATINGS = np.array([850.0, 950.0, 1000.0, 1050.0, 1150.0])
EXPECTED = expected_score(RATINGS[:, None], RATINGS)


def cast(votes_each: int, seed: int, tie: float = 0.0) -> PairCounts:
    """Votes as the ratings expect them, a share of them ties whatever the ratings."""
    draw = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5) for _ in range(votes_each)]
    chance = np.array([EXPECTED[a, b] for a, b in pairs])
    won = draw.random(len(pairs)) < chance
    outcome = np.where(draw.random(len(pairs)) < tie, 2, np.where(won, 0, 1))
    return PairCounts.of(Votes.from_arrays(tuple("abcde"), pairs, outcome))


def test_true_ratings_miss_by_what_chance_gives() -> None:
    """The true ratings took no freedom from the votes, so their miss is 10/6 in variance."""
    found = [miss_of(cast(40, seed), EXPECTED) for seed in range(200)]
    by_chance = np.mean([miss.by_chance for miss in found]) / np.sqrt(6 / 10)
    assert np.mean([miss.mean for miss in found]) == pytest.approx(by_chance, rel=0.03)


def test_ties_leave_less_to_chance() -> None:
    plain, tied = miss_of(cast(40, 1), EXPECTED), miss_of(cast(40, 1, tie=0.8), EXPECTED)
    assert tied.by_chance < 0.7 * plain.by_chance


def test_wrong_ratings_miss_by_more() -> None:
    miss = miss_of(cast(400, 1), expected_score(RATINGS, RATINGS[:, None]))
    assert miss.mean > 3 * miss.by_chance


def test_models_that_never_met_have_nothing_to_miss() -> None:
    miss = miss_of(PairCounts.of(Votes.from_arrays(("a", "b"), [], [])), EXPECTED[:2, :2])
    assert (np.isnan(miss.mean), miss.pairs) == (True, 0)


def test_each_group_has_a_scale_of_its_own_to_spend() -> None:
    """Two groups of three models: 6 pairs less 4 ratings leave a third to chance, not a sixth."""
    cells = np.full((6, 6), np.nan)
    cells[:3, :3] = cells[3:, 3:] = 0.5
    pairs = [(a, b) for a, b in np.argwhere(cells == 0.5).tolist() if a < b]
    votes = Votes.from_arrays(tuple("abcdef"), pairs * 2, [0] * 6 + [1] * 6)
    expected = np.sqrt(2 / np.pi * 0.25 / 2 / 3)
    assert miss_of(PairCounts.of(votes), cells).by_chance == pytest.approx(expected)
