"""What sways raters: found where it was planted, left out where votes cannot tell."""

import numpy as np
import pandas as pd
import pytest

from arena.board.sway import Swayed, swayed_by
from arena.board.tally import doublings, votes_of
from arena.formats.coded import Coding


def log(n_votes: int, *, seat: float = 0.0, length: float = 0.0) -> pd.DataFrame:
    """Return votes between three equal models; `seat` and `length` are worth so many points."""
    draw = np.random.default_rng(0)
    pairs = np.array([draw.permutation(3)[:2] for _ in range(n_votes)])
    long_a, long_b = draw.integers(50, 800, size=(2, n_votes))
    lead = seat + length * np.log2(long_a / long_b)
    won = draw.random(n_votes) < 1 / (1 + 10 ** (-lead / 400))
    return pd.DataFrame(
        {
            "model_a": np.array(["oak", "pine", "yew"])[pairs[:, 0]],
            "model_b": np.array(["oak", "pine", "yew"])[pairs[:, 1]],
            "winner": np.where(won, "model_a", "model_b"),
            "length_a": pd.array(long_a, dtype="Int64"),
            "length_b": pd.array(long_b, dtype="Int64"),
        }
    )


def swayed(log: pd.DataFrame) -> tuple[Swayed, ...]:
    """Return what swayed the raters of a log, read as a board reads it."""
    coding = Coding()
    coding.add(log)
    votes = coding.frame()
    return swayed_by(votes_of(votes), doublings(votes))


def test_the_seat_and_the_length_are_found_in_points() -> None:
    votes = log(4000, seat=40, length=60)
    seat, length = swayed(votes)
    assert (seat.by, seat.votes) == ("seat A", 4000)
    assert seat.points == pytest.approx(40, abs=15)
    assert length.by == "twice the length"
    assert length.points == pytest.approx(60, abs=15)
    assert seat.sure
    assert length.sure


def test_nothing_planted_is_nothing_sure() -> None:
    votes = log(1000)
    assert [each.sure for each in swayed(votes)] == [False, False]


def test_a_log_without_lengths_tells_about_the_seat_alone() -> None:
    votes = log(400).assign(length_a=pd.array([pd.NA] * 400, dtype="Int64"))
    assert [each.by for each in swayed(votes)] == ["seat A"]


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        pytest.param(200, ["seat A", "twice the length"], id="half have one"),
        pytest.param(201, ["seat A"], id="fewer have one"),
    ],
)
def test_votes_without_a_length_are_left_out_of_the_length(unknown: int, said: list[str]) -> None:
    votes = log(400)
    votes.loc[: unknown - 1, "length_b"] = 0
    found = swayed(votes)
    assert [each.by for each in found] == said
    assert {each.votes for each in found} == {200 if len(said) > 1 else 400}


def test_few_votes_say_nothing() -> None:
    assert swayed(log(99)) == ()
    assert len(swayed(log(100))) == 2


@pytest.mark.parametrize(
    ("lower", "upper", "sure"),
    [(0.2, 0.8, True), (-0.8, -0.2, True), (-0.2, 0.8, False), (0.0, 0.8, False)],
)
def test_an_interval_without_0_is_more_than_luck(lower: float, upper: float, sure: bool) -> None:  # noqa: FBT001
    assert Swayed("seat A", (lower + upper) / 2, lower, upper, 400).sure is sure


def test_a_length_that_always_wins_leaves_what_is_said_of_the_seat() -> None:
    votes = log(400)
    longer = votes["length_a"] > votes["length_b"]
    votes["winner"] = np.where(longer, "model_a", "model_b")
    assert [each.by for each in swayed(votes)] == ["seat A"]


def test_a_seat_that_always_wins_has_no_finite_worth() -> None:
    votes = log(200).assign(winner="model_a")
    assert swayed(votes) == ()


@pytest.mark.parametrize("long", [{}, {"pine": 26, "yew": 90}], ids=["equal", "one length a model"])
def test_lengths_that_only_tell_the_models_tell_nothing_else(long: dict[str, int]) -> None:
    """They cannot be told from how good the models are: "541 points (+nan to +nan)" was said."""
    votes = log(4000)
    for seat in ("a", "b"):
        lengths = [long.get(name, 25) for name in votes[f"model_{seat}"]]
        votes[f"length_{seat}"] = pd.array(lengths, dtype="Int64")
    votes.loc[:99, "length_b"] = 0
    assert [(each.by, each.votes) for each in swayed(votes)] == [("seat A", 4000)]
