"""Rows: the contract's columns, and counts that add up on real votes."""

from numpy.testing import assert_allclose

from ratings.leaderboard import leaderboard
from ratings.rows import COLUMNS
from ratings.votes import Votes

CONTRACT = (
    "rank rank_low rank_high model rating lower upper lower_these upper_these votes wins losses "
    "ties both_bad win_rate failure_rate elo elo_mean elo_low elo_high"
)


def test_columns_are_those_of_the_contract(real_votes: Votes) -> None:
    board = leaderboard(real_votes, orders=2)
    assert list(board.rows.columns) == list(COLUMNS)
    assert COLUMNS[: len(CONTRACT.split())] == tuple(CONTRACT.split())


def test_counts_add_up_on_real_votes(real_votes: Votes) -> None:
    rows = leaderboard(real_votes, orders=0).rows
    assert rows["votes"].sum() == 2 * 8931
    assert (rows["wins"] + rows["losses"] + rows["ties"] + rows["both_bad"]).equals(rows["votes"])
    assert rows["wins"].sum() == rows["losses"].sum()
    assert_allclose(rows["win_rate"], (rows["wins"] + rows["ties"] / 2) / rows["votes"])


def test_the_elo_column_does_not_depend_on_what_ranks(real_votes: Votes) -> None:
    by_rating = leaderboard(real_votes, orders=2).rows.set_index("model")
    by_elo = leaderboard(real_votes, orders=2, rank_by="elo").rows
    assert by_elo["elo"].is_monotonic_decreasing
    assert by_elo["rank"].tolist() == list(range(1, 60))
    again = by_elo.set_index("model").loc[by_rating.index]
    assert again["elo"].equals(by_rating["elo"])
    assert again["rating"].equals(by_rating["rating"])
