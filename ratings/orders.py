"""How far Elo ratings depend on the order of the votes.

One pass of Elo at K = 16 never settles: after 6,000 votes among 16 models, shuffling the same
votes still moves a rating by some 28 points. So an Elo rating is printed beside the band that
the order alone gives, and the mean over orders is the better number. That band leaves sampling
out; the second band also redraws the votes.

This module does not know Bradley-Terry, nor which of the two columns a board is sorted by.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.elo import INITIAL, SCALE, K
from ratings.kernels import elo_passes
from ratings.votes import Votes

ORDERS: Final = 200
FEWEST_ORDERS: Final = 10
MOST_REPLAYS: Final = 20_000_000  # orders x votes
Z95: Final = 1.96  # standard deviations either side of the mean
_BLOCK: Final = 4_000_000  # votes replayed at once: bounds the memory of the permutations


@dataclass(frozen=True, eq=False)
class EloOrders:
    """Elo ratings of the same votes over many orders.

    Attributes
    ----------
    ratings : ndarray of shape (n_orders, n_models)
        Points; one row for each order.
    resampled : bool
        Whether each order also redrew its votes with replacement.
    """

    ratings: NDArray[np.float64]
    resampled: bool

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the orders, in points."""
        return np.asarray(self.ratings.mean(axis=0))

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation over the orders, in points."""
        return np.asarray(self.ratings.std(axis=0, ddof=1))

    @property
    def band(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean less and plus 1.96 standard deviations, in points."""
        return self.mean - Z95 * self.sd, self.mean + Z95 * self.sd

    def told_apart(self) -> NDArray[np.bool_]:
        """Return whether the row's model leads the column's whatever the order of the votes.

        The lead in log order plays no part: it is one draw, which on real votes called 8 of 58
        neighbouring pairs doubtful that hardly any other order swaps.

        Returns
        -------
        ndarray of shape (n_models, n_models)
            Whether the mean lead over the orders is above 1.96 of its standard deviations.
        """
        mean, covariance = self.mean, np.atleast_2d(np.cov(self.ratings, rowvar=False))
        variance = np.diag(covariance)
        noise = np.sqrt(np.maximum(variance[:, None] + variance - 2.0 * covariance, 0.0))
        return np.asarray(mean[:, None] - mean > Z95 * noise, dtype=np.bool_)

    def rank_ranges(self, level: float = 0.95) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the best and the worst place a model takes in ``level`` of the orders.

        A level of 1 gives the best and the worst place in any order.
        """
        places = (-self.ratings).argsort(axis=1).argsort(axis=1) + 1
        tail = (1.0 - level) / 2.0
        best = np.quantile(places, tail, axis=0, method="lower")
        worst = np.quantile(places, 1.0 - tail, axis=0, method="higher")
        return best.astype(np.intp), worst.astype(np.intp)


def order_count(n_votes: int) -> int:
    """Return how many orders a log of this size is given.

    200, or fewer above 100,000 votes, so that orders x votes stays within 20 million, but never
    under 10.

    Examples
    --------
    >>> [order_count(n) for n in (2_400, 100_000, 200_000, 10_000_000)]
    [200, 200, 100, 10]
    """
    return max(FEWEST_ORDERS, min(ORDERS, MOST_REPLAYS // max(n_votes, 1)))


def elo_orders(
    votes: Votes,
    *,
    orders: int | None = None,
    resample: bool = False,
    seed: int = 0,
    k: float = K,
    initial: float = INITIAL,
    scale: float = SCALE,
) -> EloOrders:
    """Rate the same votes by Elo in many random orders.

    Parameters
    ----------
    votes : Votes
        Their own order plays no part.
    orders : int, optional
        How many orders; `order_count` of the log where not given.
    resample : bool, default False
        Whether to redraw the votes with replacement as well, so that the band holds what luck
        in sampling adds to luck in order.
    seed : int, default 0
        The same seed gives the same orders.
    k, initial, scale : float
        As in `ratings.elo.elo_ratings`.

    Returns
    -------
    EloOrders
        Ratings of shape (n_orders, n_models); ``initial`` throughout where there are no votes.
    """
    n_votes = len(votes)
    n_orders = order_count(n_votes) if orders is None else orders
    generator = np.random.default_rng(seed)
    ratings = np.full((n_orders, len(votes.models)), initial, dtype=np.float64)
    block = max(1, _BLOCK // max(n_votes, 1))
    for start in range(0, n_orders, block):
        own = ratings[start : start + block]
        rows = _drawn_rows(generator, len(own), n_votes, resample=resample)
        elo_passes(own, votes.pairs, votes.outcome, rows, k=k, scale=scale)
    return EloOrders(ratings, resample)


def _drawn_rows(
    generator: np.random.Generator, n_orders: int, n_votes: int, *, resample: bool
) -> NDArray[np.int32]:
    if resample and n_votes:
        return generator.integers(n_votes, size=(n_orders, n_votes), dtype=np.int32)
    rows = np.tile(np.arange(n_votes, dtype=np.int32), (n_orders, 1))
    for own in rows:
        generator.shuffle(own)
    return rows
