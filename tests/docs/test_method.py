"""`docs/method.md` says what the code does: its constants, its table of scores, its figures."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from arena.shipped import shipped
from arena.votelog import load_votes
from ratings.clusters import FEWEST_QUESTIONS, FEWEST_RATERS
from ratings.coefficients import CREDIT, chance_agreement
from ratings.counts import PairCounts
from ratings.elo import INITIAL, K, elo_ratings, expected_score
from ratings.leaderboard import leaderboard
from ratings.orders import ORDERS, elo_orders
from ratings.votes import OUTCOMES, SCORES, Votes

PAGE = re.sub(r"\s+", " ", (Path(__file__).resolve().parents[2] / "docs" / "method.md").read_text())
VOTES = Votes.from_frame(load_votes(shipped("votes/simulated.csv")))


def test_its_table_of_scores_is_that_of_the_ratings() -> None:
    rows = re.findall(r"\| `(\w+)`[^|]*\| ([\d.]+) \| ([\d.]+) \|", PAGE)
    assert [name for name, *_ in rows] == [outcome.value for outcome in OUTCOMES]
    assert [float(a) for _, a, _ in rows] == SCORES.tolist()
    assert all(float(a) + float(b) == 1 for _, a, b in rows)


@pytest.mark.parametrize(
    "sentence",
    [
        f"Both models start at {INITIAL:.0f}, and with K = {K:.0f}",
        f"at least {FEWEST_QUESTIONS} questions and {FEWEST_RATERS} raters",
        f"95 % band over {ORDERS} random orders",
        (
            f"a lead of 100 points {expected_score(1100, 1000):.2f}, of 200 points "
            f"{expected_score(1200, 1000):.2f}, of 400 points {expected_score(1400, 1000):.2f}"
        ),
        (
            f"{CREDIT[0, 0]:.0f} where two votes say the same, {CREDIT[0, 1]} where exactly one "
            f"is a tie, {CREDIT[0, 2]:.0f} where they name different models"
        ),
    ],
    ids=["elo", "clusters", "orders", "leads", "credit"],
)
def test_it_says_the_constants_of_the_code(sentence: str) -> None:
    assert sentence in PAGE


def test_one_step_of_elo_is_as_it_says() -> None:
    votes = Votes.from_arrays(("i", "j"), [[0, 1]], [0])
    assert_allclose(elo_ratings(votes), [1000 + 16 * (1 - 0.5), 1000 - 16 * (1 - 0.5)])


def test_bradley_terry_expects_for_every_model_what_it_took() -> None:
    made = leaderboard(VOTES, orders=0)
    counts = PairCounts.of(VOTES)
    expected = np.nan_to_num(made.fit.expected) * counts.votes
    assert_allclose(expected.sum(axis=1), counts.points.sum(axis=1), atol=1e-8)


def test_chance_at_thirty_percent_ties_and_its_kappa_are_as_it_says() -> None:
    chance = chance_agreement(np.array([[35.0, 30.0, 35.0, 0.0]] * 1000))
    assert chance == pytest.approx(0.545, abs=0.002)
    assert round((0.80 - chance) / (1 - chance), 2) == 0.56
    assert "about 0.55 when 30 % of the votes are ties, so 0.80 is 0.56 of the way" in PAGE


def test_the_order_of_6000_votes_moves_elo_by_as_much_as_it_says() -> None:
    random = np.random.default_rng(0)
    strength = [
        1222,
        1150,
        1110,
        1080,
        1055,
        1035,
        982,
        974,
        966,
        958,
        950,
        942,
        934,
        926,
        918,
        800,
    ]
    pairs = np.array([random.choice(16, 2, replace=False) for _ in range(6000)])
    lead = np.array(strength)[pairs]
    wins = expected_score(lead[:, 0], lead[:, 1])
    tie = 0.33 * 4 * wins * (1 - wins)
    drawn = random.random(6000)
    outcome = np.where(drawn < tie, 2, np.where(drawn < tie / 2 + wins, 0, 1))
    votes = Votes.from_arrays(tuple(f"m{n}" for n in range(16)), pairs, outcome)
    assert elo_orders(votes, orders=60).sd.mean() == pytest.approx(28, abs=2)
    assert "moves a model by 28 points (standard deviation)" in PAGE


def test_intervals_and_cells_are_as_wide_as_it_says() -> None:
    rows = leaderboard(VOTES, orders=0).rows
    half = (rows["upper_these"] - rows["lower_these"]).median() / 2
    assert half * np.sqrt(rows["votes"].median() / 100) == pytest.approx(55, abs=4)
    counts = PairCounts.of(VOTES)
    cell = counts.votes[np.triu_indices(8, 1)]
    assert set(cell) == {36}
    spread = np.sqrt(2 / np.pi * 0.67 * 0.25 / cell.mean())
    assert 100 * spread == pytest.approx(5, abs=0.5)
