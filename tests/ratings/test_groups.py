"""Groups: who can be compared, and the reason where nobody can."""

import numpy as np
import pytest

from ratings.counts import PairCounts
from ratings.groups import comparable_groups
from ratings.votes import Votes


def groups_of(*votes: tuple[int, int, int]) -> tuple[list[int], dict[int, str]]:
    """Return groups and reasons of models A to D from (model A, model B, outcome code)."""
    log = Votes.from_arrays(tuple("ABCD"), [vote[:2] for vote in votes], [v[2] for v in votes])
    groups = comparable_groups(PairCounts.of(log))
    return groups.of_model.tolist(), groups.reasons


def test_a_cycle_of_wins_joins_all_its_models() -> None:
    assert groups_of((0, 1, 0), (1, 2, 0), (2, 3, 0), (3, 0, 0)) == ([0, 0, 0, 0], {})


@pytest.mark.parametrize("outcome", [2, 3], ids=["tie", "both bad"])
def test_a_tie_joins_two_models(outcome: int) -> None:
    of_model, reasons = groups_of((0, 1, outcome))
    assert of_model == [0, 0, -1, -1]
    assert reasons == {2: "has no votes", 3: "has no votes"}


def test_the_larger_group_comes_first_then_the_one_with_more_votes() -> None:
    assert groups_of((0, 1, 2), (2, 3, 2), (2, 3, 0))[0] == [1, 1, 0, 0]
    assert groups_of((1, 2, 2), (2, 3, 2), (0, 1, 0), (0, 1, 0))[0] == [-1, 0, 0, 0]


def test_says_why_a_model_stands_alone() -> None:
    reasons = groups_of((0, 1, 0), (1, 2, 0))[1]
    assert reasons[0] == "won every vote"
    assert reasons[1].startswith("won every vote against some models and lost")
    assert reasons[2] == "lost every vote"


def test_models_of_no_group_are_together_with_nobody() -> None:
    log = Votes.from_arrays(tuple("ABC"), [[0, 1], [0, 2]], [2, 0])
    together = comparable_groups(PairCounts.of(log)).together
    assert together.tolist() == [[True, True, False], [True, True, False], [False] * 3]


def test_no_models_are_no_groups() -> None:
    groups = comparable_groups(PairCounts((), np.zeros((0, 0, 4))))
    assert (groups.n_groups, groups.of_model.shape) == (0, (0,))
