"""Kernels: compiled and plain give the same numbers, and the choice between them is quiet."""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.special import expit

from ratings import compiled, plain
from ratings.counts import PairCounts
from ratings.kernels import expect, kernels
from ratings.votes import Votes

CLOSE = 1e-9


def replayed(loops: ModuleType, votes: Votes, k: float, scale: float) -> NDArray[np.float64]:
    ratings = np.linspace(900.0, 1100.0, len(votes.models))
    loops.elo_pass(ratings, votes.pairs, votes.outcome, k, scale)
    return ratings


@given(
    votes=st.from_type(Votes),
    k=st.sampled_from([0.0, 4.0, 16.0, 32.0, 1000.0]),
    scale=st.sampled_from([1.0, 173.7, 400.0]),
)
def test_elo_is_the_same_compiled(votes: Votes, k: float, scale: float) -> None:
    ours, theirs = replayed(compiled, votes, k, scale), replayed(plain, votes, k, scale)
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE * max(1.0, k))


def test_elo_is_the_same_compiled_after_many_votes() -> None:
    generator = np.random.default_rng(0)
    pairs = np.array([generator.permutation(20)[:2] for _ in range(50_000)])
    outcome = np.where(generator.random(50_000) < 0.7, pairs.argmin(axis=1), 2)
    votes = Votes.from_arrays(tuple(f"m{i:02}" for i in range(20)), pairs, outcome)
    ours, theirs = replayed(compiled, votes, 16.0, 400.0), replayed(plain, votes, 16.0, 400.0)
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE)


@given(st.from_type(Votes), st.integers(0, 70))
def test_orders_are_the_same_compiled(votes: Votes, n_orders: int) -> None:
    generator = np.random.default_rng(0)
    orders = np.array([generator.permutation(len(votes)) for _ in range(n_orders)], dtype=np.int32)
    orders = orders.reshape(n_orders, len(votes))
    ours, theirs = (np.full((n_orders, len(votes.models)), 1000.0) for _ in range(2))
    compiled.elo_passes(ours, votes.pairs, votes.outcome, orders, k=16.0, scale=400.0)
    plain.elo_passes(theirs, votes.pairs, votes.outcome, orders, k=16.0, scale=400.0)
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE)


@given(st.from_type(Votes))
def test_codes_are_the_same_compiled(votes: Votes) -> None:
    generator = np.random.default_rng(0)
    codes = (*votes.pairs.T, votes.outcome.astype(np.int32) - 1)  # the first of these is missing
    lookups = (
        *(generator.permutation(7).astype(np.int32) for _ in range(2)),
        np.arange(4, dtype="i1"),
    )
    ours, theirs = (loops.encode(codes, lookups) for loops in (compiled, plain))
    for own, other in zip(ours, theirs, strict=True):
        assert own.dtype == other.dtype
        assert_array_equal(own, other)
    assert_array_equal(ours[1], np.where(votes.outcome == 0, 3, votes.outcome - 1))


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
@pytest.mark.parametrize(
    ("vote", "sound"),
    [
        pytest.param((1, 0, 3), True, id="two models"),
        pytest.param((1, 1, 0), False, id="one model"),
        pytest.param((0, 2, 0), False, id="an unknown model B"),
        pytest.param((2, 0, 0), False, id="an unknown model A"),
        pytest.param((-1, 0, 0), False, id="no model A"),
        pytest.param((0, -1, 0), False, id="no model B"),
        pytest.param((0, 1, -1), False, id="no outcome"),
        pytest.param((0, 1, 4), False, id="an unknown outcome"),
    ],
)
def test_one_unsound_vote_is_found(
    loops: ModuleType, vote: tuple[int, int, int], *, sound: bool
) -> None:
    pairs = np.array([[0, 1], vote[:2], [1, 0]], dtype=np.int32)
    outcome = np.array([0, vote[2], 2], dtype=np.int8)
    assert loops.are_sound(pairs, outcome, 2, 4) is sound
    assert loops.are_sound(pairs[:0], outcome[:0], 2, 4)


@given(st.from_type(Votes))
def test_counts_are_the_same_compiled(votes: Votes) -> None:
    n_models = len(votes.models)
    ours = compiled.count_cells(votes.pairs, votes.outcome, n_models)
    assert_array_equal(ours, plain.count_cells(votes.pairs, votes.outcome, n_models))


@given(st.from_type(Votes))
def test_points_are_the_same_compiled(votes: Votes) -> None:
    seats = PairCounts.of(votes).seats * 0.7
    assert_allclose(compiled.points_of(seats), plain.points_of(seats), rtol=1e-15)


@given(votes=st.from_type(Votes), damped=st.booleans())
def test_newton_is_the_same_compiled(votes: Votes, *, damped: bool) -> None:
    points = PairCounts.of(votes).points + 0.3 * (1 - np.eye(len(votes.models)))
    start = np.linspace(-2.0, 2.0, len(points)) if damped else np.zeros(len(points))
    ours = compiled.newton_fit(points, start, damped=damped, most_steps=100)
    theirs = plain.newton_fit(points, start, damped=damped, most_steps=100)
    assert not np.isnan(ours).any()
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE)


@given(st.from_type(Votes))
def test_newton_without_a_start_is_the_same_compiled(votes: Votes) -> None:
    points = PairCounts.of(votes).points + 0.3 * (1 - np.eye(len(votes.models)))
    ours, theirs = (
        loops.newton_fit(points, None, damped=False, most_steps=30) for loops in (compiled, plain)
    )
    sure = plain.newton_fit(points, np.zeros(len(points)), damped=True, most_steps=100)
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE)
    assert_allclose(ours, sure, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
def test_newton_without_a_start_is_there_at_once_for_two_models(loops: ModuleType) -> None:
    points = np.array([[0.0, 1e6], [1.0, 0.0]])
    fitted = loops.newton_fit(points, None, damped=False, most_steps=1)
    assert_allclose(np.ptp(fitted), np.log(1e6))


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
def test_newton_without_a_maximum_gives_no_number(loops: ModuleType) -> None:
    points = np.array([[0.0, 3.0], [0.0, 0.0]])
    fitted = loops.newton_fit(points, np.zeros(2), damped=True, most_steps=20)
    assert np.isnan(fitted).all()


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
def test_newton_from_too_far_out_arrives_only_damped(loops: ModuleType) -> None:
    points, far = np.array([[0.0, 3.0], [2.0, 0.0]]), np.array([9.0, -9.0])
    assert np.isnan(loops.newton_fit(points, far, damped=False, most_steps=30)).all()
    sure = loops.newton_fit(points, far, damped=True, most_steps=100)
    assert_allclose(sure, [np.log(1.5) / 2, -np.log(1.5) / 2])


def test_chords_are_the_same_compiled_and_reach_the_maximum() -> None:
    generator = np.random.default_rng(1)
    base = generator.uniform(50.0, 90.0, (6, 6)) * (1 - np.eye(6))
    points = np.array([base * generator.uniform(0.9, 1.1, (6, 6)) for _ in range(9)])
    pairs = np.argwhere(np.triu(base) > 0).astype(np.int32)
    met = (points + points.transpose(0, 2, 1))[:, pairs[:, 0], pairs[:, 1]].T
    taken = points.sum(axis=2).T
    logits = plain.newton_fit(base, np.zeros(6), damped=False, most_steps=30)
    expected = expit(logits[:, None] - logits)
    weight = (base + base.T) * expected * expected.T
    bread = np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)
    ours, theirs = (
        loops.chord_fits(met, taken, pairs, logits, bread, most_steps=60)
        for loops in (compiled, plain)
    )
    exact = [plain.newton_fit(one, logits, damped=False, most_steps=30) for one in points]
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE)
    assert_allclose(ours.T, exact, rtol=0, atol=CLOSE)


def test_a_round_that_runs_away_leaves_the_others_as_they_are() -> None:
    pairs, met = np.array([[0, 1]], dtype=np.int32), np.array([[9.0, 0.0, 0.0, 9.0]])
    taken = np.array([[5.0, 500.0, 500.0, 4.5], [4.0, -500.0, -500.0, 4.5]])
    ours, theirs = (
        loops.chord_fits(met, taken, pairs, np.zeros(2), np.eye(2) / 4.5, most_steps=60)
        for loops in (compiled, plain)
    )
    assert_array_equal(np.isnan(ours[0]), [False, True, True, False])
    assert_allclose(ours, theirs, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("n_rounds", [1, 7, 8])
def test_draws_are_the_same_compiled(n_rounds: int) -> None:
    generator = np.random.default_rng(3)
    bounds = np.array([0, 3, 4, 104])
    chances = np.concatenate([[0.2, 0.0, 0.8], [1.0], generator.dirichlet(np.full(100, 0.3))])
    aliases = plain.alias_tables(chances, bounds)
    assert_array_equal(compiled.alias_tables(chances, bounds), aliases)
    table, lowest = generator.integers(3, size=(40, 3)), np.array([7, 0, 2])
    pairs = np.array([generator.permutation(5)[:2] for _ in range(40)], dtype=np.int32)
    raw = generator.integers(-(2**63), 2**63, size=(40, 3, (n_rounds + 1) // 2))
    drawn = []
    for loops in (compiled, plain):
        met, points = np.empty((40, n_rounds), dtype=np.int32), np.zeros((5, n_rounds))
        loops.draw_pairs(raw, pairs, (table, bounds, aliases, lowest), met, points)
        drawn.append((met, points))
        assert_array_equal(points.sum(axis=0), met.sum(axis=0))
    for ours, theirs in zip(*drawn, strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
def test_draws_follow_the_chances(loops: ModuleType) -> None:
    generator = np.random.default_rng(3)
    bounds = np.array([0, 3, 3, 103])
    chances = np.concatenate([[0.2, 0.0, 0.8], generator.dirichlet(np.full(100, 0.3))])
    tables = (
        np.array([[2, 0, 0]]),
        bounds,
        plain.alias_tables(chances, bounds),
        np.array([0, 0, 0]),
    )
    raw = generator.integers(-(2**63), 2**63, size=(1, 3, 100_000))
    met, points = np.empty((1, 200_000), dtype=np.int32), np.zeros((2, 200_000))
    loops.draw_pairs(raw, np.array([[0, 1]], dtype=np.int32), tables, met, points)
    loser = points[1]  # 0 or 2 ties, which are 0 or 1 point, and 0 or 2 losses
    assert_array_equal(np.unique(loser), [0.0, 1.0, 2.0, 3.0])
    ties = np.isin(loser, [1.0, 3.0])
    assert_allclose(ties.mean(), 0.8, atol=5e-3)
    wins = points[0] - ties
    assert_allclose(np.bincount(wins.astype(int), minlength=100) / 200_000, chances[3:], atol=5e-3)
    assert_array_equal(met[0], points.sum(axis=0))


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
def test_votes_are_added_to_their_pair_and_round(loops: ModuleType) -> None:
    # every place but one always gives its own value, that one always another's
    aliases = np.arange(6) << 32
    aliases[5] = 4 << 32
    kinds = np.array([0, 0, 4, 3, 1, 1, 5])  # of pair and outcome; the last one comes out as 4
    raw = ((kinds << 32) // 6 + 1 << 32) + 5
    met, points = np.zeros((2, 3), dtype=np.int32), np.zeros((3, 3))
    pairs = np.array([[0, 1], [1, 2]], dtype=np.int32)
    loops.add_votes(raw, np.array([3, 0, 4]), pairs, aliases, met, points)
    # two wins of model 0 and a tie of 1 and 2; then a win of 1, two ties of 0 and 1, one of 1 and 2
    assert_array_equal(met, [[2, 0, 2], [1, 0, 2]])
    assert_array_equal(points, [[2.0, 0.0, 1.0], [0.5, 0.0, 2.5], [0.5, 0.0, 0.5]])


@pytest.mark.parametrize("loops", [compiled, plain], ids=["compiled", "plain"])
def test_chords_that_run_away_give_no_number(loops: ModuleType) -> None:
    pairs, met = np.array([[0, 1]], dtype=np.int32), np.zeros((1, 1))
    taken = np.array([[5.0], [-5.0]])
    fitted = loops.chord_fits(met, taken, pairs, np.zeros(2), np.eye(2), most_steps=50)
    assert np.isnan(fitted).all()


def test_importing_ratings_compiles_nothing() -> None:
    code = "import sys, ratings.leaderboard; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_little_work_runs_plain_until_the_compiled_loops_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kernels(0) is compiled
    monkeypatch.delitem(sys.modules, "ratings.compiled")
    assert kernels(0) is plain
    assert kernels(1e9).__name__ == "ratings.compiled"


def test_much_work_in_pieces_is_told_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ratings.compiled")
    expect(1.0)
    assert kernels(0) is plain
    expect(1e9)
    assert kernels(0).__name__ == "ratings.compiled"


def test_without_numba_everything_runs_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ratings.compiled")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert kernels(1e9) is plain
