"""Live boards: vote by vote as good as a full recount."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from ratings.leaderboard import leaderboard
from ratings.live import LiveBoard
from ratings.votes import OUTCOMES, Outcome, Votes


def recounted(votes: Votes, board: LiveBoard) -> None:
    """Check that a board equals the leaderboard of the whole log."""
    plain = Votes(votes.models, votes.pairs, votes.outcome)
    table, _ = board.leaderboard()
    assert_frame_equal(table.rows, leaderboard(plain, orders=0).rows, rtol=0, atol=1e-9)


@given(st.from_type(Votes))
def test_vote_by_vote_equals_a_full_recount(votes: Votes) -> None:
    board = LiveBoard.of(Votes.from_arrays(votes.models, [], []))
    for a, b, code in zip(votes.a, votes.b, votes.outcome, strict=True):
        board = board.after(votes.models[a], votes.models[b], OUTCOMES[code])
        _, board = board.leaderboard()  # each fit starts from the one before
    recounted(votes, board)


def test_real_votes_equal_a_full_recount(real_votes: Votes) -> None:
    most = real_votes.take(np.arange(len(real_votes) - 50))
    _, board = LiveBoard.of(most).leaderboard()
    for row in range(len(real_votes) - 50, len(real_votes)):
        first, second = (real_votes.models[code] for code in real_votes.pairs[row])
        board = board.after(first, second, OUTCOMES[real_votes.outcome[row]])
    recounted(real_votes, board)


@pytest.mark.parametrize("names", [("A", "A"), ("A", "Z")], ids=["itself", "a stranger"])
def test_a_vote_that_is_not_between_two_of_the_models_is_refused(names: tuple[str, str]) -> None:
    board = LiveBoard.of(Votes.from_arrays(("A", "B"), [], []))
    with pytest.raises(ValueError, match="not two models of this board"):
        board.after(*names, Outcome.TIE)
