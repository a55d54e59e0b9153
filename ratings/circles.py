"""Circles: three models each of which beat the next.

Luck closes some among many models, so a circle counts as certain only where ratings, of which
there can be no circle, would close one or more like it in fewer than 1 in 20 logs. Luck does that
most often among equal models.

This module does not know ratings.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ratings.counts import PairCounts
from ratings.luck import tails
from ratings.winrate import win_rates

_STEP: Final = 0.025  # the most that luck may do for each of the three steps
_ANY: Final = 0.05  # and for any circle among all


class Circles(NamedTuple):
    """How many triples go in a circle, and which of them are no luck."""

    cycles: int
    triples: int
    certain_cycles: list[tuple[str, str, str]]
    surest_cycle: tuple[str, str, str] | None


def circles(counts: PairCounts, dispersion: float) -> Circles:
    """Count triples that go round in a circle, and name those that are no luck.

    Parameters
    ----------
    counts : PairCounts
        Votes.
    dispersion : float
        Variance of the scores over that of votes without ties.
    """
    rates = win_rates(counts)
    lead = np.nan_to_num(rates.rate - 0.5)
    beats, met = (lead > 0).astype(np.float64), (rates.count > 0).astype(np.float64)
    sure = lead / np.sqrt(max(dispersion, 1e-9) / 4.0 / np.maximum(rates.count, 1))
    triples = round(float((met @ met * met).sum())) // 6
    certain = _certain(sure, rates.count, dispersion, triples)
    names = counts.models
    named = [
        (names[i], names[j], names[k])
        for i, j in np.argwhere(certain)
        for k in np.flatnonzero(certain[j] & certain[:, i])
        if i < min(j, k)
    ]
    return Circles(
        round(float((beats @ beats * beats.T).sum())) // 3,
        triples,
        named,
        _surest(names, np.where(lead > 0, sure, 0.0)),
    )


def _certain(
    sure: NDArray[np.float64], count: NDArray[np.float64], dispersion: float, triples: int
) -> NDArray[np.bool_]:
    """Return the steps that hardly a circle of luck would have: rarer the more triples there are.

    Three equal models go round one way or the other with twice the chance of a step to the third.
    """
    rare = min(_STEP, (_ANY / 2.0 / max(triples, 1)) ** (1.0 / 3.0))
    certain = np.zeros(sure.shape, dtype=np.bool_)
    ahead = np.nonzero(sure > 0)
    half = np.full(len(ahead[0]), 0.5)
    certain[ahead] = tails(sure[ahead], count[ahead], half, dispersion) < rare
    return certain


def _surest(names: tuple[str, ...], sure: NDArray[np.float64]) -> tuple[str, str, str] | None:
    """Return the cycle whose least sure step is the surest; None if there is no cycle."""
    most, found = 0.0, None
    for i, onward in enumerate(sure):
        # few of many models meet: only those that this one beats, and those that beat it
        beaten, beating = np.flatnonzero(onward), np.flatnonzero(sure[:, i])
        if not len(beaten) or not len(beating):
            continue
        steps = np.minimum(onward[beaten, None], sure[np.ix_(beaten, beating)])
        least = np.minimum(steps, sure[beating, i])
        j, k = divmod(int(least.argmax()), len(beating))
        if least[j, k] > most:
            most, found = float(least[j, k]), (names[i], names[beaten[j]], names[beating[k]])
    return found
