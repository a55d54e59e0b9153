"""Elo ratings from a sequence of votes.

Every vote moves two ratings by the same number of points, up for one model and down for the
other, so the mean never changes. Later votes start from where earlier ones ended: the result
depends on the order of the votes. `ratings.bradley_terry` is the order-free estimate, and
`ratings.orders` tells how much of a gap the order alone would give.

The defaults are those of the survey's human evaluation: 1000 points at the start and K = 16.

References
----------
.. [1] A. E. Elo, "The Rating of Chessplayers, Past and Present", Arco, 1978.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ratings.kernels import elo_pass
from ratings.votes import OUTCOMES, SCORES, Outcome, Votes

INITIAL: Final = 1000.0  # points: every model's rating before its first vote
K: Final = 16.0  # points: the most one vote can move a rating
SCALE: Final = 400.0  # points: a lead of this size means expected odds of 10 to 1


def expected_score(
    rating_a: NDArray[np.float64] | float,
    rating_b: NDArray[np.float64] | float,
    *,
    scale: float = SCALE,
) -> NDArray[np.float64]:
    """Return the score model A is expected to take from model B.

    Parameters
    ----------
    rating_a, rating_b : float or ndarray
        Ratings in points, of shapes that broadcast together.
    scale : float, default 400
        The lead that means expected odds of 10 to 1, in points.

    Returns
    -------
    ndarray of the broadcast shape
        ``1 / (1 + 10 ** ((rating_b - rating_a) / scale))``, in (0, 1): the chance that A wins
        plus half the chance of a tie [1]_.

    Examples
    --------
    >>> round(float(expected_score(1222.0, 1000.0)), 3)
    0.782
    """
    lead = np.subtract(rating_a, rating_b)
    return np.asarray(expit(lead * (np.log(10.0) / scale)))


def elo_ratings(
    votes: Votes, *, k: float = K, initial: float = INITIAL, scale: float = SCALE
) -> NDArray[np.float64]:
    """Rate models by replaying votes in the order given.

    Parameters
    ----------
    votes : Votes
        Oldest vote first.
    k : float, default 16
        The most one vote can move a rating, in points.
    initial : float, default 1000
        Rating before the first vote, in points.
    scale : float, default 400
        The lead that means expected odds of 10 to 1, in points.

    Returns
    -------
    ndarray of shape (n_models,)
        Ratings in points, in the order of ``votes.models``; their mean is ``initial``, and a
        model without votes keeps it.

    Examples
    --------
    >>> elo_ratings(Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]], [0])).tolist()
    [1008.0, 992.0]
    """
    ratings = np.full(len(votes.models), initial, dtype=np.float64)
    elo_pass(ratings, votes.pairs, votes.outcome, k, scale)
    return ratings


def elo_update(
    rating_a: float,
    rating_b: float,
    outcome: Outcome,
    *,
    k: float = K,
    scale: float = SCALE,
) -> tuple[float, float]:
    """Return both ratings after one more vote.

    Replaying a log vote by vote with this function gives `elo_ratings` of the whole log.

    Examples
    --------
    >>> elo_update(1000.0, 1000.0, Outcome.MODEL_B)
    (992.0, 1008.0)
    """
    score = float(SCORES[OUTCOMES.index(outcome)])
    gain = k * (score - float(expected_score(rating_a, rating_b, scale=scale)))
    return rating_a + gain, rating_b - gain
