"""Agreement: worked figures, second routes, laws, and no data."""

import math
from itertools import combinations, product

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.agreement import agreement, items_needed, question_interval
from ratings.coefficients import CREDIT, credit_of_items
from ratings.overlap import shared_items, stances
from ratings.votes import Votes


def judged(winners: dict[str, list[str]], aspect: list[str] | None = None) -> Votes:
    """Return votes of several raters on one pair, one question after the other."""
    rows = [
        {"question_id": f"q{number}", "judge": rater, "winner": winner}
        for rater, given in winners.items()
        for number, winner in enumerate(given)
        if winner
    ]
    frame = pd.DataFrame(rows).assign(model_a="Gemma", model_b="Qwen")
    return Votes.from_frame(frame if aspect is None else frame.assign(aspect=aspect))


def test_credit_is_one_less_half_the_distance_in_all_nine_cells() -> None:
    for (row, y), (column, other) in product(enumerate((1, 0, -1)), repeat=2):
        assert CREDIT[row, column] == 1 - abs(y - other) / 2


def test_agrees_with_the_reference_on_real_votes(real_votes: Votes) -> None:
    """0.697850, and 0.661-0.743 over 13 prompts: the project's facts, by another program."""
    found = agreement(real_votes)
    assert found.tie_discounted == pytest.approx(0.697850, abs=1e-6)
    assert (found.items, found.rater_pairs) == (2124, 15112)
    assert found.exact == pytest.approx(0.529, abs=5e-4)
    assert found.tie_rate == pytest.approx(0.39, abs=2e-3)
    assert found.lower == pytest.approx(0.661, abs=3e-3)
    assert found.upper == pytest.approx(0.743, abs=3e-3)


def test_alpha_agrees_with_evalica_on_real_votes(real_votes: Votes) -> None:
    """Evalica's alpha with our distance, over the items in both orientations."""
    assert real_votes.rater is not None
    columns = {"item": real_votes.items, "rater": real_votes.rater.codes, "y": stances(real_votes)}
    table = pd.DataFrame(columns).pivot_table(index="rater", columns="item", values="y")
    both_ways = pd.concat([table, -table], axis=1).astype(object)
    both_ways = both_ways.where(both_ways.notna(), None)
    theirs = evalica.alpha(both_ways, distance=lambda y, other: abs(y - other) / 2)
    assert agreement(real_votes).alpha == pytest.approx(theirs.alpha, abs=1e-6)


def test_one_tie_is_half_and_the_opposite_is_nothing() -> None:
    found = agreement(
        judged(
            {
                "ann": ["model_a", "model_a", "model_a", "tie"],
                "ben": ["model_a", "tie", "model_b", "both_bad"],
            }
        )
    )
    assert found.tie_discounted == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert found.exact == 0.5
    assert found.exact_four == 0.25
    assert found.tie_rate == pytest.approx(3 / 8)


def test_1920_and_a_half_of_2400_is_the_surveys_figure() -> None:
    tallies = np.repeat([[2.0, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]], [1700, 441, 259], axis=0)
    assert credit_of_items(tallies).sum() == 1920.5
    assert credit_of_items(tallies).mean() == pytest.approx(0.8002, abs=5e-5)


def test_chance_at_30_percent_ties_is_545() -> None:
    """The table of chance levels in the project's facts; 0.80 is then a kappa of 0.56."""
    winners = ["model_a"] * 7 + ["tie"] * 6 + ["model_b"] * 7
    found = agreement(judged({"ann": winners, "ben": winners}))
    assert found.chance == pytest.approx(0.545)
    assert (0.8 - found.chance) / (1 - found.chance) == pytest.approx(0.56, abs=1e-3)
    assert found.kappa == pytest.approx(1)
    assert found.alpha == pytest.approx(1)


def test_by_aspect_has_a_row_for_each_aspect_with_shared_items() -> None:
    aspects = ["writing", "writing", "physics"] * 2 + ["law"]
    votes = judged({"ann": ["tie", "model_a", "tie"], "ben": ["tie"] * 3 + ["tie"]}, aspect=aspects)
    by_aspect = agreement(votes).by_aspect.set_index("aspect")
    assert by_aspect["tie_discounted"].to_dict() == {"writing": 0.75, "physics": 1.0}
    assert by_aspect["items"].tolist() == [2, 1]


def test_items_of_one_question_widen_the_interval() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=10), 30)
    shared = question_interval(values, np.repeat(np.arange(10), 30))
    alone = question_interval(values, np.arange(300))
    assert np.ptp(shared) > 3 * np.ptp(alone)


def test_one_question_has_no_interval() -> None:
    found = agreement(judged({"ann": ["tie"], "ben": ["model_a"]}))
    assert found.tie_discounted == 0.5
    assert math.isnan(found.lower)
    assert math.isnan(found.upper)


@pytest.mark.parametrize(
    "votes",
    [
        pytest.param(Votes.from_arrays((), [], []), id="no votes"),
        pytest.param(Votes.from_arrays(("A", "B"), [[0, 1]] * 2, [0, 0]), id="no raters"),
        pytest.param(judged({"ann": ["tie", "tie"], "ben": ["", "", "tie"]}), id="nothing shared"),
    ],
)
def test_no_shared_items_are_no_figures(votes: Votes) -> None:
    found = agreement(votes)
    assert (found.items, found.rater_pairs, len(found.by_rater_pair)) == (0, 0, 0)
    for figure in (found.tie_discounted, found.lower, found.exact, found.chance, found.kappa):
        assert math.isnan(figure)
    assert math.isnan(found.alpha)
    assert math.isnan(found.tie_rate)


@given(st.from_type(Votes))
def test_agreement_is_the_mean_over_items_of_the_mean_over_pairs(votes: Votes) -> None:
    shared = shared_items(votes)
    each = []
    for item in np.unique(shared.item):
        said = shared.stance[shared.item == item].astype(float)
        each.append(np.mean([1 - abs(y - other) / 2 for y, other in combinations(said, 2)]))
    found = agreement(votes, rounds=10)
    assert found.items == len(each)
    if each:
        assert found.tie_discounted == pytest.approx(np.mean(each))
        assert 0 <= found.exact_four <= found.exact <= found.tie_discounted <= 1


@given(st.from_type(Votes))
def test_other_names_change_no_figure(votes: Votes) -> None:
    code = np.arange(len(votes.models))[::-1]
    renamed = Votes.from_arrays(
        votes.models, code[votes.pairs], votes.outcome, question=votes.question, rater=votes.rater
    )
    found, again = agreement(votes, rounds=10), agreement(renamed, rounds=10)
    assert found.alpha == pytest.approx(again.alpha, nan_ok=True)
    assert found.kappa == pytest.approx(again.kappa, nan_ok=True)
    assert found.tie_discounted == pytest.approx(again.tie_discounted, nan_ok=True)


def test_weightings_differ_where_items_have_different_numbers_of_raters() -> None:
    """Two raters agree on one item; of four on the other, three say the same."""
    both = ["tie", "model_a"]
    votes = judged({"ann": both, "ben": both, "cat": ["", "model_a"], "dan": ["", "tie"]})
    found = agreement(votes)
    assert found.tie_discounted == pytest.approx((1 + 0.75) / 2)
    assert found.by_pairs == pytest.approx((1 * 1 + 6 * 0.75) / 7)
    assert found.by_annotations == pytest.approx((1 * 1 + 3 * 0.75) / 4)


def test_pair_weighting_agrees_with_the_reference_on_real_votes(real_votes: Votes) -> None:
    """0.699345 over rater pairs: the project's facts, by another program."""
    assert agreement(real_votes, rounds=10).by_pairs == pytest.approx(0.699345, abs=1e-6)


def test_ac2_of_a_worked_example() -> None:
    """Shares 0.35, 0.3, 0.35 vary by 0.665; the weights add up to 5, over 3 x 2: chance 0.554."""
    winners = ["model_a"] * 7 + ["tie"] * 6 + ["model_b"] * 7
    found = agreement(judged({"ann": winners, "ben": winners[::-1]}))
    chance = 5 / 6 * 0.665
    assert found.ac2 == pytest.approx((found.tie_discounted - chance) / (1 - chance))


def test_ac2_takes_each_items_shares_alike_however_many_rated_it() -> None:
    """All ties, and three of four for one model: shares 0.1875, 0.625 and 0.1875, by hand."""
    both = ["tie", "model_a"]
    found = agreement(
        judged({"ann": both, "ben": both, "cat": ["", "model_a"], "dan": ["", "tie"]})
    )
    chance = 5 / 6 * (2 * 0.1875 * 0.8125 + 0.625 * 0.375)
    assert found.ac2 == pytest.approx((0.875 - chance) / (1 - chance))


def test_items_needed_are_those_of_the_published_table() -> None:
    """Standard deviations and items for 3 points: the project's facts."""
    needed = [items_needed(0.03, sd) for sd in (0.30, 0.33, 0.367, 0.40)]
    assert needed == [385, 465, 575, 683]


def test_the_items_needed_give_the_interval_they_promise(real_votes: Votes) -> None:
    """Over its 13 prompts llmfao has 4.1 points either side: 1.9 times as many give 3."""
    found = agreement(real_votes)
    assert (found.items, found.questions) == (2124, 13)
    half = (found.upper - found.lower) / 2
    items, questions = found.needed()
    assert items is not None
    assert questions is not None
    assert items / found.items == pytest.approx((half / 0.03) ** 2, rel=1e-3)
    assert 20 < questions < 30
    assert found.needed(half * 1.0001) == (2124, 13)


def test_items_without_questions_count_as_independent() -> None:
    log = pd.DataFrame(
        {
            "item_id": [f"i{n // 2}" for n in range(40)],
            "model_a": "Gemma",
            "model_b": "Qwen",
            "judge": ["ann", "ben"] * 20,
            "winner": ["model_a"] * 20 + ["model_a", "model_b"] * 10,
        }
    )
    found = agreement(Votes.from_frame(log))
    assert found.questions == found.items == 20
    items, _ = found.needed()
    assert items == pytest.approx(items_needed(0.03, found.sd), rel=0.25)
    one_question = agreement(Votes.from_frame(log.assign(question_id="q")))
    assert one_question.needed() == (items_needed(0.03, one_question.sd), None)
    assert agreement(Votes.from_frame(log.head(2))).needed() == (None, None)
