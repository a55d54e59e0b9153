"""Coefficients of agreement from tallies: how many votes each item got for each outcome.

A tally has four columns: for one model, tie, for the other, both bad. Two votes earn 1 where they
say the same, 0.5 where exactly one is a tie, else 0; both bad reads as a tie.

This module does not know raters, questions or intervals.

References
----------
.. [1] J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin,
   76(5), 1971.
.. [2] K. Krippendorff, "Content Analysis: An Introduction to Its Methodology", 4th edition, 2018.
.. [3] K. L. Gwet, "Computing inter-rater reliability and its variance in the presence of high
   agreement", British Journal of Mathematical and Statistical Psychology, 61(1), 2008.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

CREDIT: Final = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]])

Weighting = Literal["item", "pair", "annotation"]


def mean_credit(tallies: NDArray[np.float64], weighting: Weighting = "item") -> float:
    """Return the tie-discounted agreement over all items.

    Parameters
    ----------
    tallies : ndarray of shape (n_items, 4)
        Votes on each item, two or more in all.
    weighting : {"item", "pair", "annotation"}, default "item"
        Whether each item counts alike, each pair of votes, or each vote (as in alpha).
    """
    return mean_of(credit_of_items(tallies), item_weights(tallies, weighting))


def mean_of(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> float:
    """Return the mean, weighted where weights are given; `nan` of nothing."""
    return float(np.average(values, weights=weights)) if len(values) else float("nan")


def item_weights(tallies: NDArray[np.float64], weighting: Weighting) -> NDArray[np.float64]:
    """Return what each item counts: 1, its pairs of votes, or its votes but one."""
    voters = tallies.sum(axis=1)
    if weighting == "item":
        return np.ones(len(tallies))
    return np.asarray(voters - 1.0 if weighting == "annotation" else voters * (voters - 1.0) / 2.0)


def credit_of_items(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the tie-discounted agreement of each item: the mean over its pairs of votes.

    Parameters
    ----------
    tallies : ndarray of shape (n_items, 4)
        Votes on each item: for one model, tie, for the other, both bad; two or more in all.

    Returns
    -------
    ndarray of shape (n_items,)
        ``sum_kl W_kl n_k (n_l - [k = l]) / (r (r - 1))``.
    """
    tally = three_outcomes(tallies)
    voters = tally.sum(axis=1)
    credit = ((tally @ CREDIT) * tally).sum(axis=1) - voters
    return np.asarray(credit / (voters * (voters - 1.0)))


def exact_of_items(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of identical pairs of votes on each item, among the columns given."""
    voters = tallies.sum(axis=1)
    return np.asarray((tallies * (tallies - 1.0)).sum(axis=1) / (voters * (voters - 1.0)))


def chance_agreement(tallies: NDArray[np.float64]) -> float:
    """Return the tie-discounted agreement of raters who vote at random with these shares."""
    if len(tallies) == 0:
        return float("nan")
    share = _even_shares(tallies)
    return float(share @ CREDIT @ share)


def krippendorff_alpha(tallies: NDArray[np.float64]) -> float:
    """Return Krippendorff's alpha with distance ``1 - W``, each item read in both orientations.

    Reading an item once with either model as A makes alpha independent of which is called A.
    `nan` where no item has two votes, and where every vote is a tie: nothing varies.
    """
    both_ways = np.concatenate([three_outcomes(tallies), three_outcomes(tallies)[:, ::-1]])
    total = both_ways.sum(axis=0)
    expected = total @ (1.0 - CREDIT) @ total / max(total.sum() - 1.0, 1.0)
    if expected == 0:
        return float("nan")
    voters = both_ways.sum(axis=1)
    observed = (voters * (1.0 - np.tile(credit_of_items(tallies), 2))).sum()
    return float(1.0 - observed / expected)


def gwet_ac2(tallies: NDArray[np.float64]) -> float:
    """Return Gwet's AC2 with the credits as weights [3]_.

    Unlike kappa it does not fall when nearly all votes are the same. Its shares are means over
    items, however many votes each has. `nan` without items.
    """
    if len(tallies) == 0:
        return float("nan")
    share = _even_shares(tallies / tallies.sum(axis=1, keepdims=True))
    n_kinds = len(share)
    chance = CREDIT.sum() / (n_kinds * (n_kinds - 1)) * float((share * (1.0 - share)).sum())
    return above_chance(mean_credit(tallies), chance)


def above_chance(observed: float, chance: float) -> float:
    """Return the share of the way from chance to perfect agreement; `nan` if chance is perfect."""
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else float("nan")


def three_outcomes(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return tallies of three outcomes, both-bad read as a tie."""
    merged = tallies[:, :3].copy()
    merged[:, 1] += tallies[:, 3]
    return merged


def _even_shares(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    total = three_outcomes(tallies).sum(axis=0)
    return np.asarray((total + total[::-1]) / (2.0 * total.sum()))
