"""Who meets whom, and in which seats.

Pairs are drawn so that every pair is equally likely, and the chance of the draw is kept with the
battle: whoever later weighs the votes needs it. The pair and its seats come from one random draw
each, before a single token exists. What the models are is not known here.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from arena.errors import ModelUnavailable

TWO = 2


@dataclass(frozen=True)
class Pairing:
    """Two models for an item, and how likely this pair was."""

    x: str
    y: str
    propensity: float


def draw_pair(models: Sequence[str], random_source: random.Random) -> Pairing:
    """Draw two different models, every pair equally likely, in no particular order.

    Raises
    ------
    ModelUnavailable
        If there are fewer than two.
    """
    pairs = list(itertools.combinations(sorted(set(models)), TWO))
    if not pairs:
        raise ModelUnavailable(
            f"A battle needs two models, and {len(set(models))} can respond at present."
        )
    x, y = random_source.choice(pairs)
    return Pairing(x=x, y=y, propensity=1 / len(pairs))


def x_sits_at_a(random_source: random.Random) -> bool:
    """Draw the seats: whether the item's first model takes seat A."""
    return random_source.random() < 1 / TWO
