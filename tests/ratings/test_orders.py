"""Orders: the band of Elo ratings that shuffling alone gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ratings.elo import elo_ratings
from ratings.orders import elo_orders, order_count
from ratings.plain import elo_passes
from ratings.votes import Votes


def simulated(n_votes: int, n_models: int = 16, seed: int = 0) -> Votes:
    """Return votes among models 40 points apart, with 30 % ties."""
    generator = np.random.default_rng(seed)
    pairs = np.array([generator.permutation(n_models)[:2] for _ in range(n_votes)])
    lead = (pairs[:, 1] - pairs[:, 0]) * 40 * np.log(10) / 400
    chance = 1 / (1 + np.exp(-lead))
    tie = generator.random(n_votes) < 1.32 * chance * (1 - chance)
    outcome = np.where(tie, 2, generator.random(n_votes) > chance)
    return Votes.from_arrays(tuple(f"m{i:02}" for i in range(n_models)), pairs, outcome)


def test_many_votes_get_fewer_orders() -> None:
    counts = [order_count(n) for n in (0, 100_000, 100_001, 400_000, 2_000_000, 10**9)]
    assert counts == [200, 200, 199, 50, 10, 10]


def test_the_same_seed_gives_the_same_band() -> None:
    votes = simulated(50, 4)
    first, again = elo_orders(votes, orders=5), elo_orders(votes, orders=5)
    assert np.array_equal(first.ratings, again.ratings)
    assert not np.array_equal(first.ratings, elo_orders(votes, orders=5, seed=1).ratings)


def test_each_row_is_elo_of_one_order() -> None:
    votes = simulated(60, 5)
    rows = np.stack([np.random.default_rng(i).permutation(60) for i in range(80)]).astype(np.int32)
    for orders in (rows[:3], rows):  # one order at a time, and side by side
        ratings = np.full((len(orders), 5), 1000.0)
        elo_passes(ratings, votes.pairs, votes.outcome, orders, k=16.0, scale=400.0)
        for own, order in zip(ratings, orders, strict=True):
            assert_allclose(own, elo_ratings(votes.take(order)), rtol=1e-12)


def test_six_thousand_votes_still_move_by_28_points() -> None:
    """Order sd of 28.0 over 16 models at K = 16: the project's own earlier simulation."""
    sd = elo_orders(simulated(6000), orders=64).sd
    assert 25 < sd.mean() < 31


def test_the_band_is_the_mean_and_1_96_sd() -> None:
    orders = elo_orders(simulated(100, 4), orders=9)
    low, high = orders.band
    assert_allclose((low + high) / 2, orders.ratings.mean(axis=0))
    assert_allclose(high - low, 2 * 1.96 * orders.ratings.std(axis=0, ddof=1))


def test_redrawing_votes_widens_the_band() -> None:
    votes = simulated(300)
    shuffled = elo_orders(votes, orders=64)
    redrawn = elo_orders(votes, orders=64, resample=True)
    assert redrawn.resampled
    assert redrawn.sd.mean() > 1.5 * shuffled.sd.mean()


def test_rank_ranges_hold_the_places_taken() -> None:
    orders = elo_orders(simulated(200, 6), orders=64)
    best, worst = orders.rank_ranges(level=1.0)
    places = (-orders.ratings).argsort(axis=1).argsort(axis=1) + 1
    assert np.array_equal(best, places.min(axis=0))
    assert np.array_equal(worst, places.max(axis=0))
    within_best, within_worst = orders.rank_ranges(level=0.5)
    assert np.all((best <= within_best) & (within_best <= within_worst) & (within_worst <= worst))


def test_models_are_told_apart_where_hardly_another_order_swaps_them() -> None:
    """Judged by fresh orders: those in doubt are swapped by more than 1 in 40, the others not."""
    votes = simulated(2000, 8, 3)
    apart = elo_orders(votes, orders=200).told_apart()
    fresh = elo_orders(votes, orders=2000, seed=1).ratings
    swapped = (fresh[:, :, None] <= fresh[:, None, :]).mean(axis=0)
    assert swapped[apart].max() < 0.04
    assert swapped[~apart].min() > 0.015
    assert 5 < apart.sum() < 28


@pytest.mark.parametrize("resample", [False, True])
def test_no_votes_leave_every_model_at_its_start(*, resample: bool) -> None:
    votes = Votes.from_arrays(("A", "B"), [], [])
    assert_allclose(elo_orders(votes, orders=3, resample=resample).ratings, 1000.0)


@given(st.from_type(Votes))
def test_no_order_creates_points(votes: Votes) -> None:
    assert_allclose(elo_orders(votes, orders=3).ratings.mean(axis=1), 1000.0)
