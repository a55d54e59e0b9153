"""The leaderboard: one row a model, from the votes alone, with the settings that made it.

The default order is by Bradley-Terry rating; ``rank_by="elo"`` is the survey's own. Elo stands
beside it either way, with the band that the order of the same votes alone would give.

This module does not know where votes come from or how a table is shown. It stores nothing: any
past table is this function of the votes up to that row.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.bradley_terry import MEAN, BradleyTerry, bradley_terry
from ratings.clusters import can_cluster
from ratings.counts import PairCounts
from ratings.doubts import Doubts, doubts_of_elo, doubts_of_ratings
from ratings.elo import INITIAL, SCALE, K, elo_ratings
from ratings.intervals import Uncertainty, clustered, sandwich
from ratings.notes import interval_name, notes_on
from ratings.orders import FEWEST_ORDERS, EloOrders, elo_orders, order_count
from ratings.ranks import p_best, rank_ranges, told_apart
from ratings.rows import LEVEL, RankBy, rows_of, whole
from ratings.votes import Votes


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """A table of models and how far to trust it.

    Attributes
    ----------
    rows : DataFrame
        One row a model, best first, with the columns of `COLUMNS`. ``rank_low`` is the best place
        a model may have, ``rank_high`` the worst. ``failure_rate`` is `nan`: votes do not tell it.
        ``group`` numbers the sets of models that share a scale, from 1, the largest; 0 is none.
    interval : str
        What ``lower`` and ``upper`` mean.
    notes : list of str
        Why numbers are missing, and what not to read them as, in plain words.
    doubts : Doubts
        The neighbours that cannot be told apart.
    settings : dict
        Everything that, with the votes, makes this table again.
    fit : BradleyTerry
        The ratings with their counts, in the order of ``votes.models``.
    uncertainty : Uncertainty
        What ``lower`` and ``upper`` were made from.
    """

    rows: pd.DataFrame
    interval: str
    notes: list[str]
    doubts: Doubts
    settings: dict[str, Any]
    fit: BradleyTerry
    uncertainty: Uncertainty

    @property
    def warning(self) -> str | None:
        """The neighbours that cannot be told apart, in plain words."""
        return self.doubts.warning

    @cached_property
    def chances(self) -> pd.DataFrame:
        """What is drawn rather than computed, and so takes longer; one row for each model's name.

        ``p_best`` is the chance to be truly the best of those on the same scale; ``rank_low_all``
        and ``rank_high_all`` are rank ranges that hold for all models at once, by rating only.
        """
        ratings, groups = self.fit.ratings, self.fit.groups.of_model
        low = high = np.full(len(ratings), np.nan)
        if self.settings["rank_by"] == "rating":
            apart = told_apart(ratings, self.uncertainty, LEVEL, method="simultaneous")
            low, high = rank_ranges(ratings, groups, apart)
        best = p_best(ratings, self.uncertainty)
        columns = {"p_best": best, "rank_low_all": whole(low), "rank_high_all": whole(high)}
        return pd.DataFrame(columns, index=list(self.fit.models)).loc[self.rows["model"]]


def leaderboard(
    votes: Votes, *, rank_by: RankBy = "rating", orders: int | None = None, seed: int = 0
) -> Leaderboard:
    """Rate, rank and count the models of a vote log.

    Parameters
    ----------
    votes : Votes
        In log order, which only Elo looks at.
    rank_by : {"rating", "elo"}, default "rating"
        Bradley-Terry rating or Elo in log order.
    orders : int, optional
        How many orders of the votes give the Elo band; by default 200, fewer above 100,000
        votes. Half as many, but 10 at least, also redraw the votes. 0 leaves both bands out.
    seed : int, default 0
        The same seed gives the same orders.

    Returns
    -------
    Leaderboard
        Numbers that cannot be estimated are `nan`, with the reason in the notes.

    Raises
    ------
    ValueError
        If a number of orders makes no band: 1, or fewer than 0; or nothing is called `rank_by`.
    """
    fit = bradley_terry(PairCounts.of(votes))
    new = clustered(fit, votes) if can_cluster(votes) else None
    band, redrawn = elo_bands(votes, orders=orders, seed=seed)
    elo = elo_ratings(votes)
    return leaderboard_of(fit, elo, rank_by=rank_by, new=new, band=band, redrawn=redrawn, seed=seed)


def elo_bands(
    votes: Votes, *, orders: int | None = None, seed: int = 0
) -> tuple[EloOrders | None, EloOrders | None]:
    """Return Elo over orders of the votes, and over orders of redrawn votes.

    Parameters
    ----------
    votes : Votes
        In any order.
    orders : int, optional
        As `leaderboard` takes it; 0 gives neither.
    seed : int, default 0
        The same seed gives the same orders.

    Raises
    ------
    ValueError
        If a number of orders makes no band: 1, or fewer than 0.
    """
    n_orders = order_count(len(votes)) if orders is None else orders
    if n_orders < 0 or n_orders == 1:
        raise ValueError(
            f"orders is {orders}: a band needs at least 2 orders of the votes, 0 leaves it out"
        )
    if not n_orders:
        return None, None
    half = min(max(n_orders // 2, FEWEST_ORDERS), n_orders)
    band = elo_orders(votes, orders=n_orders, seed=seed)
    return band, elo_orders(votes, orders=half, resample=True, seed=seed)


def leaderboard_of(
    fit: BradleyTerry,
    elo: NDArray[np.float64],
    *,
    rank_by: RankBy = "rating",
    new: Uncertainty | None = None,
    band: EloOrders | None = None,
    redrawn: EloOrders | None = None,
    seed: int = 0,
) -> Leaderboard:
    """Put a table together from ratings that are there already.

    Parameters
    ----------
    fit : BradleyTerry
        Ratings with the counts that made them.
    elo : ndarray of shape (n_models,)
        Elo in log order, in points.
    rank_by : {"rating", "elo"}, default "rating"
        Bradley-Terry rating or Elo in log order.
    new : Uncertainty, optional
        For new questions and raters; that of these votes only where not given.
    band, redrawn : EloOrders, optional
        Elo over orders of the same votes, and over orders of redrawn votes; left out where not
        given.
    seed : int, default 0
        The seed of the band, for the settings.

    Raises
    ------
    ValueError
        If nothing is called `rank_by`.
    """
    if rank_by not in get_args(RankBy):
        raise ValueError(f"rank_by is {rank_by!r}, not one of {', '.join(get_args(RankBy))}")
    these = sandwich(fit)
    new = these if new is None else new
    rows, order = rows_of(fit, elo, rank_by, new=new, these=these, band=band, redrawn=redrawn)
    return Leaderboard(
        rows=rows,
        interval=interval_name(new),
        notes=notes_on(fit, rank_by, new=new, these=these, band=band is not None),
        doubts=doubts_of_elo(fit.models, order, band)
        if rank_by == "elo"
        else doubts_of_ratings(fit.models, order, fit.ratings, new, fit.counts.votes, level=LEVEL),
        settings=_settings(rank_by, band, redrawn, seed),
        fit=fit,
        uncertainty=new,
    )


def _settings(
    rank_by: RankBy, band: EloOrders | None, redrawn: EloOrders | None, seed: int
) -> dict[str, Any]:
    orders, again = (0 if one is None else len(one.ratings) for one in (band, redrawn))
    return {
        "rank_by": rank_by,
        "level": LEVEL,
        "rating": {"method": "bradley_terry", "mean": MEAN, "scale": SCALE},
        "elo": {
            "k": K,
            "initial": INITIAL,
            "scale": SCALE,
            "orders": orders,
            "orders_resampled": again,
            "seed": seed,
        },
        "ties": "half",
        "both_bad": "half",
    }
