"""What sways votes besides the models: the seat, the length of the responses.

Bradley-Terry with further columns: the lead of seat A is ``r_a - r_b + sum_k beta_k x_k``, with a
constant for the seat, and any difference between the two responses of a vote, such as the
logarithm of their lengths' ratio. A coefficient is printed in points for each unit of its column,
so that a bias can be compared with gaps on the leaderboard; the ratings beside it are what remains
when both responses are alike in these columns.

An association is not a cause: better responses may be longer. This module does not know where
the columns come from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, hstack
from scipy.special import expit

from ratings.bradley_terry import MEAN, POINTS
from ratings.clusters import can_cluster, two_way_meat
from ratings.counts import PairCounts
from ratings.groups import comparable_groups
from ratings.intervals import NORMAL, t_quantile
from ratings.votes import Votes

SEAT: Final = "seat A"
_STEPS: Final = 100
_LAST: Final = 1e-10
_OWN: Final = 1e-6  # of a column's information that nothing else says; less is rounding


@dataclass(frozen=True, eq=False)
class Biases:
    """Ratings with the biases taken out.

    Attributes
    ----------
    models : tuple of str
        Model names.
    ratings : ndarray of shape (n_models,)
        Points, mean 1000 in each group; `nan` where not estimable.
    names : tuple of str
        The columns, ``"seat A"`` first.
    points : ndarray of shape (n_columns,)
        What one unit of each is worth, in points.
    lower, upper : ndarray of shape (n_columns,)
        95 % interval of each.
    kind : {"sandwich", "clustered"}
        What the interval means, as in `ratings.intervals`.
    """

    models: tuple[str, ...]
    ratings: NDArray[np.float64]
    names: tuple[str, ...]
    points: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    kind: str


def biases(votes: Votes, columns: Mapping[str, ArrayLike] | None = None) -> Biases:
    """Estimate how much seats and other columns sway votes.

    Parameters
    ----------
    votes : Votes
        With questions and raters where the interval shall hold for new ones.
    columns : mapping of str to array_like of shape (n_votes,), optional
        Differences, seat A less seat B, in any unit: ``{"log length": np.log(len_a / len_b)}``.
        In the order of the votes, whatever the index of a pandas column says.

    Raises
    ------
    ValueError
        If a column has another length or numbers that are not finite, tells winners without
        fail, or says nothing that models and other columns do not say.
    """
    own = {name: np.asarray(column, dtype=np.float64) for name, column in (columns or {}).items()}
    extra = {SEAT: np.ones(len(votes)), **own}
    for name, column in extra.items():
        if len(column) != len(votes) or not np.isfinite(column).all():
            raise ValueError(f"column {name!r} is not one finite number for each of the votes")
    groups = comparable_groups(PairCounts.of(votes))
    kept = np.flatnonzero(groups.together[votes.a, votes.b])
    usable = votes.take(kept)
    design = _design(usable, np.column_stack([column[kept] for column in extra.values()]))
    n_models = len(votes.models)
    pin = np.zeros((design.shape[1],) * 2)  # what the likelihood leaves free: levels of groups
    pin[:n_models, :n_models] = groups.together + np.diag(groups.of_model < 0)
    found, curvature = _climb(design, usable.scores, pin)
    bread = np.linalg.inv(curvature)
    shared = (np.diag(bread) * np.diag(curvature))[n_models:]  # 1 where nothing else says it
    # rounding may make anything of what is singular: too much, and as well 0 or less
    if not ((shared > 0.0) & (shared < 1.0 / _OWN)).all():
        raise ValueError("a column says nothing that models and other columns do not say")
    gradients = csr_array(design * (usable.scores - expit(design @ found))[:, None])
    alone = (gradients.T @ gradients).todense()
    clustered = can_cluster(usable)
    meat, df = (
        two_way_meat(usable, lambda rows: csr_array(gradients[rows]))
        if clustered
        else (alone, NORMAL)
    )
    variance = [np.diag(bread @ middle @ bread) for middle in (meat, alone)]
    half_width = t_quantile(df) * np.sqrt(np.maximum(*variance))[n_models:]
    ratings = np.where(groups.of_model < 0, np.nan, MEAN + POINTS * found[:n_models])
    return Biases(
        votes.models,
        ratings,
        tuple(extra),
        POINTS * found[n_models:],
        POINTS * (found[n_models:] - half_width),
        POINTS * (found[n_models:] + half_width),
        "clustered" if clustered else "sandwich",
    )


def _design(votes: Votes, beside: NDArray[np.float64]) -> csr_array:
    """Return one row a vote: 1 for seat A's model, -1 for seat B's, then the columns."""
    signs = np.tile([1.0, -1.0], len(votes))
    ends = np.arange(0, 2 * len(votes) + 1, 2)
    seats = csr_array((signs, votes.pairs.reshape(-1), ends), shape=(len(votes), len(votes.models)))
    return csr_array(hstack([seats, csr_array(beside)]))


def _climb(
    design: csr_array, scores: NDArray[np.float64], pin: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the parameters of a logistic regression and its curvature there."""
    found = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        expected = expit(design @ found)
        gradient = design.T @ (scores - expected)
        weight = expected * (1.0 - expected)
        curvature = (design.T @ (design * weight[:, None])).todense() + pin
        try:
            step = np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:
            break
        reach = float(np.abs(design @ step).max(initial=0.0))
        found = found + (step * np.log1p(reach) / reach if reach > 1.0 else step)
        if reach < _LAST:
            return found, curvature
    raise ValueError("a column tells winners without fail or repeats others: it has no finite size")
