"""Laws that hold for any votes and every estimator: swaps, new names, order, doubling, bounds.

Laws of one module alone stand in its own file: counts and chances that add up, Elo's bounded step.
`HYPOTHESIS_PROFILE=nightly pytest -m hypothesis --timeout=3600 tests/ratings` tries each on
10,000 logs.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ratings.agreement import agreement
from ratings.bradley_terry import bradley_terry
from ratings.counts import PairCounts
from ratings.elo import elo_ratings
from ratings.intervals import clustered, sandwich
from ratings.judges import judge_agreement
from ratings.overlap import shared_items
from ratings.repeats import self_agreement
from ratings.ties import davidson, rao_kupper
from ratings.votes import Votes
from ratings.winrate import overall_rates

Figures = NDArray[np.float64]
Codes = NDArray[np.intp]
SWAPPED = np.array([1, 0, 2, 3])  # the code of each outcome once the seats are swapped


def of_counts(estimate: Callable[[PairCounts], Figures]) -> Callable[[Votes], Figures]:
    return lambda votes: estimate(PairCounts.of(votes))


def errors(votes: Votes, *, new: bool) -> Figures:
    """Return the standard errors of ratings for these votes or for new questions and raters."""
    fit = bradley_terry(PairCounts.of(votes))
    return (clustered(fit, votes) if new else sandwich(fit)).error


BLIND_TO_ORDER: dict[str, Callable[[Votes], Figures]] = {
    "Bradley-Terry": of_counts(lambda counts: bradley_terry(counts).ratings),
    "Bradley-Terry with a prior": of_counts(lambda c: bradley_terry(c, prior=0.5).ratings),
    "Davidson": of_counts(lambda counts: davidson(counts).ratings),
    "Rao-Kupper": of_counts(lambda counts: rao_kupper(counts).ratings),
    "win rates": of_counts(overall_rates),
    "errors, these votes": lambda votes: errors(votes, new=False),
    "errors, new questions and raters": lambda votes: errors(votes, new=True),
}
EVERY = {"Elo": elo_ratings, **BLIND_TO_ORDER}
SHARES = (
    *("tie_discounted", "lower", "upper", "exact", "exact_four", "chance", "by_pairs"),
    *("by_annotations", "tie_rate"),
)


def between(votes: Votes, pairs: NDArray[np.integer], outcome: NDArray[np.integer]) -> Votes:
    """Return the same votes with other pairs and outcomes, on the same questions and raters."""
    return Votes.from_arrays(
        votes.models, pairs, outcome, question=votes.question, rater=votes.rater
    )


def same(ours: Votes, theirs: Votes, names: Iterable[str], code: Codes | None = None) -> None:
    """Check that estimates of two logs are equal but for rounding; points are some thousand."""
    for name in names:
        found = EVERY[name](ours)
        found = found if code is None else found[code]
        assert_allclose(found, EVERY[name](theirs), rtol=1e-9, atol=1e-6, err_msg=name)


@given(votes=st.from_type(Votes))
def test_swapping_the_seats_changes_nothing(votes: Votes) -> None:
    same(between(votes, votes.pairs[:, ::-1], SWAPPED[votes.outcome]), votes, EVERY)


@given(votes=st.from_type(Votes), data=st.data())
def test_other_names_change_no_figure(votes: Votes, data: st.DataObject) -> None:
    code = np.array(data.draw(st.permutations(range(len(votes.models)))))
    same(between(votes, code[votes.pairs], votes.outcome), votes, EVERY, code)


@given(votes=st.from_type(Votes), data=st.data())
def test_the_order_of_the_votes_plays_no_part_but_for_elo(
    votes: Votes, data: st.DataObject
) -> None:
    order = np.array(data.draw(st.permutations(range(len(votes)))), dtype=np.intp)
    same(votes.take(order), votes, BLIND_TO_ORDER)


@given(votes=st.from_type(Votes), data=st.data())
def test_bradley_terry_in_another_order_is_equal_to_the_last_bit(
    votes: Votes, data: st.DataObject
) -> None:
    order = np.array(data.draw(st.permutations(range(len(votes)))), dtype=np.intp)
    rate = BLIND_TO_ORDER["Bradley-Terry"]
    assert_array_equal(rate(votes.take(order)), rate(votes))


@given(votes=st.from_type(Votes))
def test_every_vote_twice_changes_no_rating(votes: Votes) -> None:
    twice = votes.take(np.tile(np.arange(len(votes)), 2))
    same(twice, votes, ("Bradley-Terry", "Davidson", "Rao-Kupper", "win rates"))


@given(votes=st.from_type(Votes))
def test_ratings_of_each_group_add_up_to_1000_a_model(votes: Votes) -> None:
    counts = PairCounts.of(votes)
    for fit in (bradley_terry(counts), davidson(counts), rao_kupper(counts)):
        for group in range(fit.groups.n_groups):
            own = fit.ratings[fit.groups.of_model == group]
            assert np.isnan(own).all() or own.mean() == pytest.approx(1000)


@given(votes=st.from_type(Votes))
def test_one_more_win_never_brings_anybody_closer_to_the_winner(votes: Votes) -> None:
    """Nor lets the loser gain on anybody; Bradley-Terry, by the triangle of resistances."""
    fit = bradley_terry(PairCounts.of(votes))
    assume(fit.groups.n_groups > 0)
    members = np.flatnonzero(fit.groups.of_model == 0)
    winner, loser = members[:2]
    pairs = np.append(votes.pairs, [[winner, loser]], axis=0)
    more = Votes.from_arrays(votes.models, pairs, np.append(votes.outcome, 0))
    gain = (bradley_terry(PairCounts.of(more)).ratings - fit.ratings)[members]
    assert gain[0] - gain[1] > 0
    assert (gain[0] - gain >= -1e-6).all()
    assert (gain - gain[1] >= -1e-6).all()


@given(votes=st.from_type(Votes))
def test_one_more_win_lifts_the_winner_of_elo(votes: Votes) -> None:
    assume(len(votes) > 0)
    first, second = votes.pairs[0]
    more = Votes.from_arrays(
        votes.models, np.append(votes.pairs, [[first, second]], axis=0), np.append(votes.outcome, 0)
    )
    gain = elo_ratings(more) - elo_ratings(votes)
    assert gain[first] > 0
    assert gain[second] == pytest.approx(-gain[first])


@given(votes=st.from_type(Votes))
def test_every_share_of_agreement_lies_between_0_and_1(votes: Votes) -> None:
    found = agreement(replace(votes, aspect=votes.question), rounds=20)
    shares = [getattr(found, name) for name in SHARES]
    for table in (found.by_rater_pair, found.by_rater, found.by_aspect):
        names = [name for name in table if name in ("tie_discounted", "exact", "lower", "upper")]
        shares += table[names].to_numpy(dtype=float).ravel().tolist()
    alone = self_agreement(votes)
    shares += [alone.tie_discounted, alone.exact, alone.swapped, alone.kept]
    for name in () if votes.rater is None else votes.rater.used_names()[:1]:
        judge = judge_agreement(votes, name, rounds=20)
        shares += [judge.tie_discounted, judge.people, judge.lower, judge.upper, judge.tie_rate]
    known = np.array([share for share in shares if not np.isnan(share)])
    assert ((known >= 0) & (known <= 1 + 1e-12)).all()
    corrected = [value for value in (found.kappa, found.alpha, found.ac2) if not np.isnan(value)]
    assert all(-1 - 1e-12 <= value <= 1 + 1e-12 for value in corrected)


@given(votes=st.from_type(Votes))
def test_swapping_the_seats_changes_no_agreement(votes: Votes) -> None:
    swapped = between(votes, votes.pairs[:, ::-1], SWAPPED[votes.outcome])
    ours, theirs = shared_items(swapped), shared_items(votes)
    assert_array_equal(ours.tallies, theirs.tallies)  # all figures of agreement are made of these
    assert_array_equal(ours.stance, theirs.stance)
