"""How far ratings miss the win rates that they predict, and how far chance alone would miss them.

A mean difference says nothing by itself: even the true ratings miss, the more so the fewer the
votes. Which ratings these are is not known here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

from ratings.counts import PairCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Miss:
    """Mean absolute difference between actual and predicted win rates, as shares.

    `by_chance` is what the same numbers of votes would give if the ratings were right; both are
    nan where no two models with ratings have met.
    """

    mean: float
    by_chance: float
    pairs: int


def miss_of(counts: PairCounts, predicted: "NDArray[np.float64]") -> Miss:
    """Return how far predictions are from what happened, over the pairs that met."""
    upper = np.triu(np.ones(counts.votes.shape, dtype=bool), 1)
    met = upper & (counts.votes > 0) & ~np.isnan(predicted)
    n, p = counts.votes[met], predicted[met]
    if not len(n):
        return Miss(float("nan"), float("nan"), 0)
    won, ties = counts.wins[met], counts.ties[met] + counts.both_bad[met]
    lost = n - won - ties
    # a vote's score varies less than a coin's, because of ties
    squares = won * (1 - p) ** 2 + ties * (0.5 - p) ** 2 + lost * p**2
    spread = squares.sum() / (n * p * (1 - p)).sum()
    # the ratings have taken their share of the noise: one scale less than models in each group
    sets, _ = connected_components(met, directed=False)
    left = max(len(n) - (len(met) - sets), 0) / len(n)
    typical = np.sqrt(2 / np.pi * spread * p * (1 - p) / n * left)
    actual = (won + ties / 2) / n
    return Miss(float(np.abs(actual - p).mean()), float(typical.mean()), len(n))
