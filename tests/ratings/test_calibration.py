"""Calibration: chance explains what chance made, and what it did not make stands out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ratings.bradley_terry import bradley_terry
from ratings.calibration import Calibration, calibration, held_out
from ratings.columns import Labels
from ratings.counts import PairCounts
from ratings.votes import Votes
from ratings.winrate import predicted_rates


def simulated(seed: int, *, nemesis: float = 0.0, n_votes: int = 6000) -> Votes:
    """Return votes among 16 models with 30 % ties; the first two do not follow their ratings."""
    generator = np.random.default_rng(seed)
    pairs = np.array([generator.permutation(16)[:2] for _ in range(n_votes)])
    chance = 1 / (1 + 10 ** ((pairs[:, 0] - pairs[:, 1]) * 20 / 400))
    odd = pairs.max(axis=1) == 1
    chance[odd] += np.where(pairs[odd, 0] == 0, -nemesis, nemesis)
    tie = generator.random(n_votes) < 0.66 * 2 * chance * (1 - chance)
    outcome = np.where(tie, 2, generator.random(n_votes) > chance)
    models = tuple(f"m{i:02}" for i in range(16))
    question = Labels.of(generator.integers(50, size=n_votes))
    return Votes.from_arrays(models, pairs, outcome, question=question)


def calibrated(votes: Votes) -> Calibration:
    return calibration(bradley_terry(PairCounts.of(votes)))


def test_chance_alone_gives_its_floor() -> None:
    """About 4 points at 6,000 votes, as in the project's facts, and a floor of the same."""
    found = [calibrated(simulated(seed)) for seed in range(20)]
    assert np.mean([one.mad for one in found]) == pytest.approx(0.042, abs=0.003)
    assert np.mean([one.mad / one.floor for one in found]) == pytest.approx(1, abs=0.03)
    assert {one.df for one in found} == {120 - 15}


def test_the_lack_of_fit_test_is_quiet_without_a_lack() -> None:
    p = [calibrated(simulated(seed)).p for seed in range(60)]
    assert np.mean(np.array(p) < 0.05) <= 0.15
    assert 0.35 < np.mean(p) < 0.65


def test_ties_lower_the_dispersion_to_two_thirds() -> None:
    assert calibrated(simulated(0)).dispersion == pytest.approx(0.67, abs=0.02)


def test_a_nemesis_stands_out_and_little_else_does() -> None:
    found = [calibrated(simulated(seed, nemesis=0.35)) for seed in range(10)]
    assert sum(one.stands_out[0, 1] for one in found) >= 8
    assert sum(one.stands_out.sum() // 2 for one in found) <= 13
    assert all(one.residual[0, 1] < 0 for one in found)
    quiet = [calibrated(simulated(seed)) for seed in range(10)]
    assert sum(one.stands_out.sum() // 2 for one in quiet) <= 3


@pytest.mark.parametrize("votes_a_pair", [2, 8, 50])
def test_a_lucky_win_against_the_odds_does_not_stand_out(votes_a_pair: int) -> None:
    """Models 1,000 points apart: as if normal, such wins stood out in up to 3 of 4 logs."""
    generator = np.random.default_rng(votes_a_pair)
    pairs = np.repeat(np.column_stack(np.triu_indices(16, 1)), votes_a_pair, axis=0)
    chance = 1 / (1 + 10 ** ((pairs[:, 0] - pairs[:, 1]) * 67 / 400))
    models = tuple(f"m{i:02}" for i in range(16))
    logs = (generator.random(len(pairs)) > chance for _ in range(60))
    found = [calibrated(Votes.from_arrays(models, pairs, log.astype(int))) for log in logs]
    assert sum(bool(one.stands_out.any()) for one in found) <= 6  # 1 in 20 of 60: 3


def test_unseen_votes_are_predicted_better_than_by_a_coin() -> None:
    found = held_out(simulated(0))
    assert (found.votes, found.split_by) == (6000, "question")
    assert found.log_loss_skill > 0.03
    assert found.brier_skill > 0.08
    assert held_out(simulated(0)).log_loss == found.log_loss
    coin = Votes.from_arrays(tuple("AB"), [[0, 1]] * 400, [0, 1] * 200)
    worthless = held_out(coin)
    assert worthless.split_by == "vote"
    assert abs(worthless.brier_skill) < 0.02


def test_votes_on_one_question_stay_together() -> None:
    """One question holds all wins of B, so the other fold expects the opposite."""
    votes = Votes.from_arrays(
        ("A", "B"),
        [[0, 1]] * 20,
        [0] * 9 + [1] + [1] * 9 + [0],
        question=Labels.of(["q1"] * 10 + ["q2"] * 10),
    )
    assert held_out(votes, folds=2).brier_skill < -0.5


def test_a_circle_of_three_is_counted_and_named() -> None:
    pairs = [[0, 1]] * 40 + [[1, 2]] * 40 + [[2, 0]] * 40
    found = calibrated(Votes.from_arrays(tuple("ABC"), pairs, ([0] * 30 + [1] * 10) * 3))
    assert (found.cycles, found.triples) == (1, 1)
    assert found.certain_cycles == [("A", "B", "C")]
    assert found.p < 0.01


def test_a_circle_by_a_hair_is_counted_but_not_named() -> None:
    pairs = [[0, 1]] * 5 + [[1, 2]] * 5 + [[2, 0]] * 5
    found = calibrated(Votes.from_arrays(tuple("ABC"), pairs, [0, 0, 0, 1, 1] * 3))
    assert (found.cycles, found.certain_cycles) == (1, [])


def test_an_example_of_a_circle_is_the_least_likely_to_be_luck() -> None:
    pairs = [[0, 1], [1, 2], [2, 0]] * 20 + [[3, 4], [4, 5], [5, 3]] * 20
    outcomes = ([0] * 12 + [1, 0, 1]) * 4 + [0] * 60
    found = calibrated(Votes.from_arrays(tuple("ABCDEF"), pairs, outcomes))
    assert (found.cycles, set(found.surest_cycle or ())) == (2, set("DEF"))
    assert calibrated(Votes.from_arrays(tuple("AB"), [[0, 1]], [0])).surest_cycle is None


def test_other_predictions_are_judged_by_the_same_floor() -> None:
    """The true ratings took no freedom from the votes: their miss is larger by its square root."""
    chance = predicted_rates(np.arange(16.0) * -20)
    tie = 0.66 * 2 * chance * (1 - chance)
    true = (1 - tie) * chance + tie / 2
    votes = [simulated(seed) for seed in range(20)]
    fits = [bradley_terry(PairCounts.of(each)) for each in votes]
    judged = [calibration(fit, true) for fit in fits]
    ratio = np.mean([one.mad / one.floor for one in judged])
    assert ratio == pytest.approx(np.sqrt(120 / 105), rel=0.03)
    assert {(one.pairs, one.df) for one in judged} == {(120, 105)}
    upside_down = calibration(fits[0], true.T)
    assert upside_down.mad > 3 * upside_down.floor
    assert upside_down.p < 1e-6
    assert upside_down.stands_out.sum() > 60


def test_each_group_has_a_scale_of_its_own_to_spend() -> None:
    """Two groups of three models: 6 pairs less 4 ratings leave a third to chance, not a sixth."""
    groups = np.array([0, 0, 0, 1, 1, 1])
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6) if groups[a] == groups[b]]
    fit = bradley_terry(
        PairCounts.of(Votes.from_arrays(tuple("abcdef"), pairs * 2, [0] * 6 + [1] * 6))
    )
    for found in (calibration(fit), calibration(fit, predicted_rates(fit.ratings, groups))):
        # 12 votes, 4 ratings: a dispersion of 12 / 8
        assert found.floor == pytest.approx(np.sqrt(2 / np.pi * 1.5 * 0.25 / 2 / 3))
        assert (found.pairs, found.df) == (6, 2)


@pytest.mark.parametrize("outcomes", [[], [2, 2], [0, 1]], ids=["none", "only ties", "one pair"])
def test_nothing_to_judge_by_gives_no_figures(outcomes: list[int]) -> None:
    votes = Votes.from_arrays(("A", "B"), [[0, 1]] * len(outcomes), outcomes)
    found = calibrated(votes)
    assert np.isnan(found.p)
    assert np.isnan(found.floor)
    assert not found.stands_out.any()


def test_no_votes_are_not_predicted() -> None:
    found = held_out(Votes.from_arrays(("A", "B"), [], []))
    assert found.votes == 0
    assert np.isnan(found.log_loss)


@given(st.from_type(Votes))
def test_residuals_are_opposite_for_the_two_of_a_pair(votes: Votes) -> None:
    found = calibrated(votes)
    assert_allclose(found.residual, -found.residual.T)
    assert np.array_equal(found.stands_out, found.stands_out.T)
    assert 0 <= found.cycles <= found.triples
