"""Pairing: every pair as likely as the next, every seat a fair coin."""

import random
from collections import Counter

import pytest
from scipy.stats import binomtest, chisquare

from arena.errors import ModelUnavailable
from arena.pairing import draw_pair, x_sits_at_a


def test_every_pair_is_equally_likely_and_the_chance_is_kept() -> None:
    source = random.Random(0)  # noqa: S311 - a fixed draw
    drawn = [draw_pair(["oak", "pine", "elm", "ash"], source) for _ in range(6_000)]
    counts = Counter((pairing.x, pairing.y) for pairing in drawn)
    assert len(counts) == 6
    assert chisquare(list(counts.values())).pvalue > 0.001
    assert {pairing.propensity for pairing in drawn} == {1 / 6}


def test_seats_are_a_fair_coin() -> None:
    source = random.Random(0)  # noqa: S311 - a fixed draw
    heads = sum(x_sits_at_a(source) for _ in range(10_000))
    assert binomtest(heads, 10_000).pvalue > 0.001


@pytest.mark.parametrize("models", [[], ["oak"], ["oak", "oak"]])
def test_a_battle_needs_two_models(models: list[str]) -> None:
    with pytest.raises(ModelUnavailable, match="two models"):
        draw_pair(models, random.Random(0))  # noqa: S311 - nothing is drawn
