"""Win rates: what happened between each two models, and what ratings say should have.

Both are the same quantity, wins plus half of the ties over all votes, so they can be compared
cell by cell; a share of wins with the ties dropped is another quantity and must not be.

This module does not know how ratings were made, nor how a heat map is drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.counts import PairCounts
from ratings.elo import SCALE, expected_score
from ratings.votes import SCORES, Votes


@dataclass(frozen=True, eq=False)
class WinRates:
    """Actual win rates of every pair.

    Attributes
    ----------
    models : tuple of str
        Model names.
    rate : ndarray of shape (n_models, n_models)
        (wins + ties/2) / votes of the row's model against the column's; `nan` without votes.
    count : ndarray of shape (n_models, n_models)
        Votes of each pair; symmetric.
    """

    models: tuple[str, ...]
    rate: NDArray[np.float64]
    count: NDArray[np.float64]


def win_rates(votes: Votes | PairCounts) -> WinRates:
    """Return how each model fared against each other one.

    Examples
    --------
    >>> log = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1], [1, 0]], [0, 2])
    >>> win_rates(log).rate.tolist()
    [[nan, 0.75], [0.25, nan]]
    """
    counts = votes if isinstance(votes, PairCounts) else PairCounts.of(votes)
    return WinRates(counts.models, _share(counts.points, counts.votes), counts.votes)


def predicted_rates(
    ratings: NDArray[np.float64], groups: NDArray[np.intp] | None = None, *, scale: float = SCALE
) -> NDArray[np.float64]:
    """Return the win rates that ratings predict.

    Parameters
    ----------
    ratings : ndarray of shape (n_models,)
        In points, Elo or Bradley-Terry; `nan` where not estimable.
    groups : ndarray of shape (n_models,), optional
        Models of different groups share no scale, so nothing is predicted between them.
    scale : float, default 400
        The lead that means expected odds of 10 to 1, in points.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        Expected score of the row's model against the column's; `nan` on the diagonal.
    """
    predicted = expected_score(ratings[:, None], ratings, scale=scale)
    unknown = np.eye(len(ratings), dtype=bool)
    if groups is not None:
        unknown |= groups[:, None] != groups
    return np.where(unknown, np.nan, predicted)


def overall_rates(counts: PairCounts) -> NDArray[np.float64]:
    """Return each model's win rate over all its votes; `nan` for a model without votes."""
    return _share(counts.points.sum(axis=1), counts.votes.sum(axis=1))


def dispersion(counts: PairCounts, predicted: NDArray[np.float64], free: int) -> float:
    """Return the variance of scores about their predictions over that of votes without ties.

    Parameters
    ----------
    counts : PairCounts
        Votes.
    predicted : ndarray of shape (n_models, n_models)
        Expected score of the row's model against the column's; `nan` leaves a pair out.
    free : int
        How many numbers were fitted to these votes.

    Returns
    -------
    float
        1 without ties, 0.67 at 30 %; `nan` with no more votes than numbers fitted.
    """
    usable = np.where(np.isnan(predicted)[:, :, None], 0.0, counts.seats)
    chance = np.nan_to_num(predicted, nan=0.5)
    square = (SCORES - chance[:, :, None]) ** 2 / (chance * (1.0 - chance))[:, :, None]
    left = usable.sum() - free
    return float((usable * square).sum() / left) if left > 0 else float("nan")


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))
