"""Pairing: equal chances among what may come, equal counts in the end, every seat a fair coin."""

import random
from collections import Counter
from collections.abc import Collection, Iterable

import pytest
from scipy.stats import binomtest, chisquare

from arena.errors import ModelUnavailable
from arena.pairing.pairings import Pairings, x_sits_at_a
from arena.pairing.past import Event, What

FOUR = ["ash", "elm", "oak", "pine"]


def pairings(
    models: list[str], slots: int = 99, past: Iterable[Event] = (), seed: int = 0
) -> Pairings:
    def fits(names: Collection[str]) -> bool:
        return len(names) <= slots

    return Pairings(models, past, fits, random.Random(seed))  # noqa: S311 - a fixed draw


def test_where_all_models_fit_every_pair_is_equally_likely() -> None:
    drawn = [pairings(FOUR, seed=seed).draw(FOUR, FOUR) for seed in range(3_000)]
    counts = Counter(pairing.pair for pairing in drawn)
    assert len(counts) == 6
    assert chisquare(list(counts.values())).pvalue > 0.001
    assert {(pairing.propensity, pairing.resident) for pairing in drawn} == {(1 / 6, 2)}


def test_the_chance_of_each_draw_is_that_of_the_pairs_still_open() -> None:
    source = pairings(FOUR)
    chances = [source.draw(FOUR, FOUR).propensity for _ in range(7)]
    assert chances == [1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1.0, 1 / 6]


def test_where_slots_are_few_each_pair_is_still_as_likely_at_any_place_of_a_cycle() -> None:
    models = [f"m{number}" for number in range(5)]
    third: Counter[tuple[str, str]] = Counter()
    for seed in range(2_000):
        source = pairings(models, slots=3, seed=seed)
        *_, pairing = [source.draw(models, ()) for _ in range(3)]
        third[pairing.pair] += 1
    assert len(third) == 10
    assert chisquare(list(third.values())).pvalue > 0.001


def test_a_loaded_pair_comes_before_one_that_is_not() -> None:
    for seed in range(20):
        pairing = pairings(FOUR, seed=seed).draw(FOUR, ["ash", "oak"])
        assert (pairing.pair, pairing.propensity, pairing.resident) == (("ash", "oak"), 1.0, 2)


def test_how_many_of_a_pair_are_loaded_is_kept() -> None:
    assert {pairings(FOUR, seed=s).draw(FOUR, ["ash"]).resident for s in range(20)} == {0, 1}


def test_what_is_named_ahead_is_what_the_next_draw_takes() -> None:
    models = [f"m{number}" for number in range(8)]
    source = pairings(models, slots=4)
    for _ in range(60):
        ahead = source.look_ahead(models, ())
        assert len(ahead) == 4
        assert set(source.draw(models, ahead).pair) <= ahead


def drawn(source: Pairings, models: list[str]) -> list[Event]:
    pair = source.draw(models, source.look_ahead(models, ())).pair
    return [Event(What.OPENED, *pair), Event(What.VOTED, *pair)]


def test_a_restart_goes_on_in_the_same_cycle() -> None:
    models = [f"m{number}" for number in range(6)]
    past = [Event(What.JOINED, model, model) for model in models]
    for _ in range(10):
        source = pairings(models, slots=3, past=past)
        past += [event for _ in range(6) for event in drawn(source, models)]
    assert set(Counter(past[len(models) :]).values()) == {4}


@pytest.mark.parametrize(("slots", "each_day"), [(3, 1), (3, 7), (99, 1), (99, 11)])
def test_a_new_model_has_its_share_however_often_the_server_is_started(
    slots: int, each_day: int
) -> None:
    old = ["elm", "fir", "oak", "pine", "yew"]
    past = [Event(What.JOINED, model, model) for model in old]
    first = pairings(old)
    past += [event for _ in range(4 * 10) for event in drawn(first, old)]
    past.append(Event(What.JOINED, "ash", "ash"))
    before = len(past)
    while len(past) < before + 2 * 60:
        source = pairings(["ash", *old], slots=slots, past=past)
        past += [event for _ in range(each_day) for event in drawn(source, ["ash", *old])]
    counts = Counter(event for event in past[before:] if event.what is What.VOTED)
    assert len(counts) == 15
    assert max(counts.values()) - min(counts.values()) <= 1


def test_pairs_that_never_fit_stop_no_other() -> None:
    def fits(names: Collection[str]) -> bool:
        return not {"ash", "elm"} <= set(names) and len(names) <= 2

    source = Pairings(FOUR, (), fits, random.Random(0))  # noqa: S311 - a fixed draw
    drawn = Counter(source.draw(FOUR, ()).pair for _ in range(20))
    assert set(drawn.values()) == {4}
    assert ("ash", "elm") not in drawn


def test_what_is_owed_to_models_that_no_longer_fit_refuses_no_battle_of_others() -> None:
    def fits(names: Collection[str]) -> bool:
        return "oak" not in names

    source = Pairings(FOUR[:3], (), fits, random.Random(0))  # noqa: S311 - a fixed draw
    source.draw(FOUR[:3], ())
    source.give_back(("elm", "oak"))  # a vote of when they fitted is withdrawn
    assert [source.draw(FOUR[:3], ()).pair for _ in range(3)] == [("ash", "elm")] * 3


def test_pairs_that_have_come_too_often_refuse_no_battle_of_others() -> None:
    for seed in range(10):
        source = pairings(FOUR[:3], slots=2, seed=seed)
        for here in (["elm", "oak"], ["ash", "elm"]):
            source.take(("elm", "oak"))  # a vote that comes late
            source.draw(here, ())
        assert source.draw(FOUR[:3], ()).pair in {("ash", "elm"), ("ash", "oak")}


def test_where_no_two_fit_that_is_said() -> None:
    with pytest.raises(ModelUnavailable, match="4 can respond at present, and no two"):
        pairings(FOUR, slots=1).draw(FOUR, ())


@pytest.mark.parametrize("models", [[], ["oak"], ["oak", "oak"]])
def test_a_battle_needs_two_models(models: list[str]) -> None:
    with pytest.raises(ModelUnavailable, match="two models"):
        pairings(FOUR).draw(models, ())


def test_a_model_that_sits_out_is_drawn_in_the_next_cycle_again() -> None:
    source = pairings(FOUR)
    source.look_ahead(FOUR, FOUR)
    source.sit_out("ash")
    drawn = [source.draw(FOUR, FOUR).pair for _ in range(9)]
    assert ["ash" in pair for pair in drawn] == [False] * 3 + ["ash" in pair for pair in drawn[3:]]
    assert sum("ash" in pair for pair in drawn) == 3


@pytest.mark.parametrize("here", [3, 4, 6])
@pytest.mark.parametrize("slots", [2, 3, 99])
@pytest.mark.parametrize("never_there", [0, 2])
def test_a_model_that_was_away_and_is_back_is_made_up_for(
    here: int, slots: int, never_there: int
) -> None:
    models = [f"m{number}" for number in range(here + never_there)]
    source = pairings(models, slots=slots)
    available, rest = models[:here], models[1:here]
    missed = (here - 1) * (here - 2)  # two battles of each other pair
    votes = Counter(source.draw(rest, source.look_ahead(rest, ())).pair for _ in range(missed))
    for _ in range(5 * here * (here - 1)):
        votes[source.draw(available, source.look_ahead(available, ())).pair] += 1
    assert len(votes) == here * (here - 1) // 2
    assert max(votes.values()) - min(votes.values()) <= 1


def test_seats_are_a_fair_coin() -> None:
    source = random.Random(0)  # noqa: S311 - a fixed draw
    heads = sum(x_sits_at_a(source) for _ in range(10_000))
    assert binomtest(heads, 10_000).pvalue > 0.001
