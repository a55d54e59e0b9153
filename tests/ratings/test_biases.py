"""Biases: statsmodels as a second route, known biases found again, and refusals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ratings.biases import biases
from ratings.bradley_terry import POINTS, bradley_terry
from ratings.columns import Labels
from ratings.counts import PairCounts
from ratings.votes import Votes


def swayed(n_votes: int, seat: float, length: float) -> tuple[Votes, NDArray[np.float64]]:
    """Return votes swayed by seat A and by length (points a unit), and the lengths."""
    generator = np.random.default_rng(3)
    pairs = np.array([generator.permutation(4)[:2] for _ in range(n_votes)])
    lengths = generator.normal(size=n_votes)
    lead = (pairs[:, 1] - pairs[:, 0]) * 50 + seat + length * lengths
    chance = 1 / (1 + 10 ** (-lead / 400))
    votes = Votes.from_arrays(
        tuple("ABCD"),
        pairs,
        (generator.random(n_votes) > chance).astype(int),
        question=Labels.of(generator.integers(30, size=n_votes)),
        rater=Labels.of(generator.integers(20, size=n_votes)),
    )
    return votes, lengths


def test_known_biases_are_found_again() -> None:
    votes, lengths = swayed(20_000, seat=40.0, length=60.0)
    found = biases(votes, {"log length": lengths})
    assert found.names == ("seat A", "log length")
    assert found.kind == "clustered"
    assert np.all((found.lower < [40, 60]) & (found.upper > [40, 60]))
    assert_allclose(found.points, [40, 60], atol=8)
    assert_allclose(found.ratings, [1075, 1025, 975, 925], atol=10)


def test_agrees_with_statsmodels() -> None:
    votes, lengths = swayed(500, seat=40.0, length=60.0)
    plain = Votes.from_arrays(votes.models, votes.pairs, votes.outcome)
    rows = np.arange(500)
    design = np.zeros((500, 4))
    design[rows, votes.a], design[rows, votes.b] = 1.0, -1.0
    beside = np.column_stack([design[:, 1:], np.ones(500), lengths])
    theirs = sm.GLM(votes.scores, beside, family=sm.families.Binomial())
    theirs = theirs.fit(cov_type="HC0", tol=1e-14)
    ours = biases(plain, {"log length": lengths})
    assert ours.kind == "sandwich"
    assert_allclose(ours.points, POINTS * theirs.params[3:], atol=1e-6)
    assert_allclose((ours.upper - ours.lower) / 2, 1.959964 * POINTS * theirs.bse[3:], rtol=1e-6)


def test_a_column_of_a_sorted_frame_goes_with_its_votes() -> None:
    """By place, as the votes are read, and not by an index that still tells the old order."""
    votes, lengths = swayed(500, seat=40.0, length=60.0)
    column = pd.Series(lengths, index=np.random.default_rng(0).permutation(500))
    found = biases(votes, {"log length": column}).points
    assert found.tolist() == biases(votes, {"log length": lengths}).points.tolist()


def test_balanced_seats_leave_the_ratings_as_they_were() -> None:
    pairs = [[0, 1], [1, 0]] * 30
    votes = Votes.from_arrays(("A", "B"), pairs, [0, 0, 0, 1, 2, 2] * 10)
    found = biases(votes)
    assert found.names == ("seat A",)
    assert found.ratings[0] > found.ratings[1]
    assert found.points[0] > 0


def test_real_raters_lean_to_the_left(real_votes: Votes) -> None:
    """53.3 % of the decided votes go to the left seat: the project's facts."""
    decided = real_votes.take(np.flatnonzero(real_votes.outcome < 2))
    assert (decided.outcome == 0).mean() == pytest.approx(0.533, abs=5e-4)
    assert 0 < biases(real_votes).points[0] < biases(decided).points[0] < 40
    half = bradley_terry(PairCounts.of(real_votes)).ratings
    assert_allclose(biases(real_votes).ratings, half, atol=10)


def test_a_model_apart_has_no_rating() -> None:
    votes = Votes.from_arrays(tuple("ABC"), [[0, 1]] * 2 + [[1, 0]] * 2 + [[0, 2]], [0, 1, 0, 1, 0])
    assert np.isnan(biases(votes).ratings).tolist() == [False, False, True]


@pytest.mark.parametrize(
    "column",
    [np.array([1.0, -1.0, 1.0, -1.0]), np.ones(4)],
    ids=["tells every winner", "repeats the seat"],
)
def test_a_column_without_a_finite_size_is_refused(column: NDArray[np.float64]) -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1], [0, 1], [1, 0], [1, 0]], [0, 1, 0, 1])
    with pytest.raises(ValueError, match="without fail or repeats"):
        biases(votes, {"told": column})


@pytest.mark.parametrize(
    "column",
    [np.zeros(1), np.array([0.0, np.nan])],
    ids=["another length", "not a number"],
)
def test_refuses_a_column(column: NDArray[np.float64]) -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1], [1, 0]], [0, 0])
    with pytest.raises(ValueError, match="column 'told' is not one finite number"):
        biases(votes, {"told": column})


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-6], ids=["exactly", "but for rounding", "nearly"])
def test_a_column_that_only_tells_the_models_is_refused(noise: float) -> None:
    draw = np.random.default_rng(0)
    pairs = np.array([draw.permutation(3)[:2] for _ in range(2000)])
    votes = Votes.from_arrays(("A", "B", "C"), pairs, draw.integers(2, size=2000))
    length = np.log2([25.0, 26.0, 90.0])
    column = length[pairs[:, 0]] - length[pairs[:, 1]] + noise * draw.normal(size=2000)
    with pytest.raises(ValueError, match=r"says nothing that models|repeats others"):
        biases(votes, {"told": column})


def test_fewer_votes_than_numbers_to_tell_are_refused() -> None:
    """However they are rounded: some came out as 0 points, give or take 0."""
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * 3, [2, 2, 3])
    for lead in np.random.default_rng(0).normal(size=300):
        with pytest.raises(ValueError, match=r"says nothing that models|repeats others"):
            biases(votes, {"told": np.full(3, lead)})
