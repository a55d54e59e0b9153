"""The leaderboard: real votes, and every thin log."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ratings.columns import Labels
from ratings.leaderboard import leaderboard
from ratings.rows import COLUMNS
from ratings.votes import Votes


def table(*rows: tuple[int, int, int]) -> Votes:
    """Return votes of models A to E from (winner, loser, times)."""
    pairs = [(winner, loser) for winner, loser, times in rows for _ in range(times)]
    used = max((code for pair in pairs for code in pair), default=-1)
    return Votes.from_arrays(tuple("ABCDE"[: used + 1]), pairs, [0] * len(pairs))


def test_real_votes_give_the_published_figures(real_votes: Votes) -> None:
    """GPT 4 of 59 models: the project's facts, made by other programs."""
    board = leaderboard(real_votes)
    top = board.rows.iloc[0]
    assert top["model"] == "GPT 4"
    assert top["elo"] == pytest.approx(1161.026, abs=5e-4)
    assert top["rating"] == pytest.approx(1172.133, abs=5e-4)
    assert top["lower_these"] == pytest.approx(1117.5, abs=0.05)
    assert top["upper_these"] == pytest.approx(1226.7, abs=0.05)
    assert top["upper"] - top["rating"] == pytest.approx(94.48, abs=0.01)
    assert board.interval.startswith("clustered")
    assert board.settings["elo"]["orders"] == 200
    (note,) = board.notes
    assert note.endswith(
        "narrower than that of these votes alone for 4 of 59 models; read the wider of the two."
    )
    assert board.warning is not None
    assert board.doubts.pairs[0][:2] == ("GPT 4", "Platypus-2 Instruct (70B)")


def test_elo_ranks_warn_of_what_another_order_could_swap(real_votes: Votes) -> None:
    board = leaderboard(real_votes, rank_by="elo")
    assert board.warning is not None
    assert board.warning.startswith("Another order of the same votes could swap 50 of 58 ")
    assert leaderboard(real_votes, rank_by="elo", orders=0).warning is None


def test_redrawn_votes_widen_the_band_of_orders(real_votes: Votes) -> None:
    board = leaderboard(real_votes, orders=40)
    rows = board.rows
    alone = rows["elo_high"] - rows["elo_low"]
    assert ((rows["elo_high_all"] - rows["elo_low_all"]) / alone).mean() > 1.3
    elo = board.settings["elo"]
    assert (elo["orders"], elo["orders_resampled"]) == (40, 20)


def test_chances_stand_in_the_order_of_the_table(real_votes: Votes) -> None:
    board = leaderboard(real_votes, orders=0)
    assert board.chances.index.tolist() == board.rows["model"].tolist()
    table = board.rows.join(board.chances, on="model")
    assert table["p_best"].sum() == pytest.approx(1)
    assert table["p_best"].iloc[0] == table["p_best"].max()
    assert (table["rank_low_all"] <= table["rank_low"]).all()
    assert (table["rank_high_all"] >= table["rank_high"]).all()
    by_elo = leaderboard(real_votes, orders=0, rank_by="elo")
    assert by_elo.chances["rank_low_all"].isna().all()
    assert by_elo.chances["p_best"].sum() == pytest.approx(1)


def test_the_band_can_be_left_out() -> None:
    board = leaderboard(table((0, 1, 2), (1, 0, 1)), orders=0)
    assert board.rows[["elo_mean", "elo_low", "elo_high"]].isna().all(axis=None)
    assert "band of Elo over orders of the votes was left out" in board.notes[0]
    assert board.rows["elo"].notna().all()


def test_an_order_that_nobody_knows_is_refused() -> None:
    """Before, the table was ordered by Elo, and its doubts were those of ratings."""
    with pytest.raises(ValueError, match="rank_by is 'Rating', not one of rating, elo"):
        leaderboard(table((0, 1, 3), (1, 0, 2)), rank_by="Rating")  # type: ignore[arg-type]  # a slip


@pytest.mark.parametrize("orders", [-1, 1])
def test_orders_that_make_no_band_are_refused(orders: int) -> None:
    with pytest.raises(ValueError, match=f"orders is {orders}: a band needs at least 2"):
        leaderboard(table((0, 1, 2), (1, 0, 1)), orders=orders)


def test_few_questions_give_the_interval_of_these_votes() -> None:
    board = leaderboard(table((0, 1, 2), (1, 0, 1)))
    assert board.interval.startswith("sandwich")
    assert board.rows["lower"].equals(board.rows["lower_these"])
    assert board.rows["upper"].equals(board.rows["upper_these"])


def test_clear_neighbours_raise_no_warning() -> None:
    assert leaderboard(table((0, 1, 90), (1, 0, 10))).warning is None


def test_no_votes_are_an_empty_table_with_a_note() -> None:
    board = leaderboard(Votes.from_arrays((), [], []))
    assert board.rows.shape == (0, len(COLUMNS))
    assert board.notes == ["There are no votes yet."]
    assert board.warning is None


def test_a_single_vote_gives_elo_but_no_rating() -> None:
    board = leaderboard(table((0, 1, 1)))
    assert board.rows["rating"].isna().all()
    assert board.rows["rank"].isna().all()
    assert board.rows["elo"].tolist() == [1008, 992]
    assert board.notes == [
        "A won every vote: its rating cannot be estimated.",
        "B lost every vote: its rating cannot be estimated.",
    ]


def test_a_model_that_won_all_comes_last_without_a_number() -> None:
    board = leaderboard(table((0, 1, 3), (0, 2, 3), (1, 2, 2), (2, 1, 1)))
    assert board.rows["model"].tolist() == ["B", "C", "A"]
    assert board.rows["rank"].tolist()[:2] == [1, 2]
    assert np.isnan(board.rows["rating"].iloc[2])
    assert board.rows["win_rate"].iloc[2] == 1
    assert board.notes == ["A won every vote: its rating cannot be estimated."]


def test_groups_that_never_met_stand_one_after_the_other() -> None:
    votes = table((0, 3, 2), (3, 0, 1), (1, 2, 2), (2, 1, 3), (2, 4, 2), (4, 2, 1))
    board = leaderboard(votes)
    assert board.rows["model"].tolist() == ["C", "B", "E", "A", "D"]
    assert board.rows["rank"].tolist() == [1, 2, 3, 1, 2]
    assert board.notes == [
        "B, C and E are rated and ranked only among themselves.",
        "A and D are rated and ranked only among themselves.",
    ]
    assert board.rows["group"].tolist() == [1, 1, 1, 2, 2]
    assert (board.doubts.neighbours, board.doubts.runs) == (3, (("C", "B", "E"), ("A", "D")))


def test_elo_ranks_all_models_whatever_can_be_compared() -> None:
    votes = table((0, 3, 2), (3, 0, 1), (1, 2, 2), (2, 1, 3), (2, 4, 2), (4, 2, 1))
    board = leaderboard(votes, rank_by="elo")
    assert sorted(board.rows["rank"]) == [1, 2, 3, 4, 5]
    assert not any("ranked only" in note for note in board.notes)
    assert board.doubts.neighbours == 4


def test_only_ties_share_the_first_place() -> None:
    board = leaderboard(Votes.from_arrays(tuple("ABC"), [[0, 1], [1, 2], [0, 2]], [2, 2, 3]))
    assert board.rows["rank"].tolist() == [1, 1, 1]
    assert board.rows["rank_high"].tolist() == [3, 3, 3]
    assert board.rows["both_bad"].tolist() == [1, 0, 1]


def test_enough_questions_and_raters_give_the_clustered_interval() -> None:
    rows = np.arange(80)
    votes = Votes.from_arrays(
        ("A", "B"),
        [[0, 1]] * 80,
        rows % 3,
        question=Labels.of(rows % 10),
        rater=Labels.of(rows % 8),
    )
    board = leaderboard(votes)
    assert board.interval.endswith("t quantile with 7 degrees of freedom")
    assert np.all(board.rows["lower"] <= board.rows["lower_these"])


@given(st.from_type(Votes))
def test_any_log_makes_a_table_in_order(votes: Votes) -> None:
    rows = leaderboard(votes, orders=3).rows
    assert sorted(rows["model"]) == list(votes.models)
    rated = rows[rows["rank"].notna()]
    assert (rated["rank_low"] <= rated["rank"]).all()
    assert (rated["rank"] <= rated["rank_high"]).all()
    assert rated["rating"].notna().all()
    assert (rated["lower"] <= rated["rating"]).all()
    assert_allclose(rows["elo"].mean(), 1000)
