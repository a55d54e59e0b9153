"""The leaderboard: one row a model, from the votes alone, with the settings that made it.

The default order is by Bradley-Terry rating; ``rank_by="elo"`` is the survey's own. Elo stands
beside it either way, with the band that the order of the same votes alone would give.

This module does not know where votes come from or how a table is shown. It stores nothing: any
past table is this function of the votes up to that row.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.bradley_terry import BradleyTerry, bradley_terry
from ratings.clusters import can_cluster
from ratings.counts import PairCounts
from ratings.doubts import Doubts, doubts_of_elo, doubts_of_ratings
from ratings.elo import INITIAL, SCALE, K, elo_ratings
from ratings.intervals import Uncertainty, clustered, sandwich
from ratings.orders import FEWEST_ORDERS, EloOrders, elo_orders, order_count
from ratings.ranks import p_best, rank_ranges, ranks, told_apart
from ratings.votes import Votes
from ratings.winrate import overall_rates

COLUMNS: Final = (
    *("rank", "rank_low", "rank_high", "model"),
    *("rating", "lower", "upper", "lower_these", "upper_these"),
    *("votes", "wins", "losses", "ties", "both_bad", "win_rate", "failure_rate"),
    *("elo", "elo_mean", "elo_low", "elo_high", "elo_low_all", "elo_high_all", "group"),
)
LEVEL: Final = 0.95

RankBy = Literal["rating", "elo"]

_AMONG: Final[dict[RankBy, str]] = {
    "rating": "rated and ranked only among themselves.",
    # Elo moves all models on one scale, whether or not the votes can compare them
    "elo": "rated only among themselves; the ranks are by Elo, which has one scale for all.",
}


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
        Why numbers are missing, in plain words.
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
        columns = {"p_best": best, "rank_low_all": _whole(low), "rank_high_all": _whole(high)}
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
    """
    n_orders = order_count(len(votes)) if orders is None else orders
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
    """
    these = sandwich(fit)
    new = these if new is None else new
    columns = {
        "model": np.array(fit.models, dtype=object),
        **_places(rank_by, fit, new, elo, band),
        **_rating_columns(fit, new, these),
        **_count_columns(fit.counts),
        **_elo_columns(elo, band, redrawn),
        "group": fit.groups.of_model + 1,
    }
    rows = pd.DataFrame(columns)[list(COLUMNS)]
    groups = fit.groups.of_model if rank_by == "rating" else np.zeros(len(elo), dtype=np.intp)
    order = _best_first(rows["rank"].to_numpy(), groups)
    return Leaderboard(
        rows=rows.iloc[order].reset_index(drop=True),
        interval=_interval_name(new),
        notes=_notes(fit, rank_by, band=band is not None),
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
        "rating": {"method": "bradley_terry", "mean": 1000.0, "scale": 400.0},
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


def _places(
    rank_by: RankBy,
    fit: BradleyTerry,
    uncertainty: Uncertainty,
    elo: NDArray[np.float64],
    band: EloOrders | None,
) -> dict[str, NDArray[Any]]:
    if rank_by == "rating":
        groups = fit.groups.of_model
        place = ranks(fit.ratings, groups)
        low, high = rank_ranges(fit.ratings, groups, told_apart(fit.ratings, uncertainty, LEVEL))
    else:
        place = ranks(elo, np.zeros(len(elo), dtype=np.intp))
        low = high = np.full(len(elo), np.nan)
        if band is not None:
            best, worst = band.rank_ranges(LEVEL)
            low, high = np.minimum(best, place), np.maximum(worst, place)
    named = {"rank": place, "rank_low": low, "rank_high": high}
    return {name: _whole(values) for name, values in named.items()}


def _rating_columns(
    fit: BradleyTerry, new: Uncertainty, these: Uncertainty
) -> dict[str, NDArray[np.float64]]:
    lower, upper = new.interval(fit.ratings, LEVEL)
    lower_these, upper_these = these.interval(fit.ratings, LEVEL)
    return {
        "rating": fit.ratings,
        "lower": lower,
        "upper": upper,
        "lower_these": lower_these,
        "upper_these": upper_these,
    }


def _count_columns(counts: PairCounts) -> dict[str, NDArray[Any]]:
    return {
        "votes": _whole(counts.votes.sum(axis=1)),
        "wins": _whole(counts.wins.sum(axis=1)),
        "losses": _whole(counts.wins.sum(axis=0)),
        "ties": _whole(counts.ties.sum(axis=1)),
        "both_bad": _whole(counts.both_bad.sum(axis=1)),
        "win_rate": overall_rates(counts),
        "failure_rate": np.full(len(counts.models), np.nan),
    }


def _elo_columns(
    elo: NDArray[np.float64], band: EloOrders | None, redrawn: EloOrders | None
) -> dict[str, NDArray[np.float64]]:
    unknown = np.full(len(elo), np.nan)
    low, high = (unknown, unknown) if band is None else band.band
    low_all, high_all = (unknown, unknown) if redrawn is None else redrawn.band
    return {
        "elo": elo,
        "elo_mean": unknown if band is None else band.mean,
        "elo_low": low,
        "elo_high": high,
        "elo_low_all": low_all,
        "elo_high_all": high_all,
    }


def _best_first(place: NDArray[Any], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Sort by place, the largest group first and models without a place last."""
    last = np.where(groups < 0, len(groups), groups)
    return np.lexsort((np.arange(len(place)), place, last))


def _interval_name(uncertainty: Uncertainty) -> str:
    if uncertainty.kind == "clustered":
        return (
            "clustered: new questions and new raters, 95 %, t quantile with "
            f"{uncertainty.df:.0f} degrees of freedom"
        )
    return "sandwich: these votes only, 95 %"


def _notes(fit: BradleyTerry, rank_by: RankBy, *, band: bool) -> list[str]:
    n_votes = fit.counts.votes.sum()
    notes = [] if n_votes else ["There are no votes yet."]
    groups = fit.groups
    for model, reason in groups.reasons.items():
        notes.append(f"{fit.models[model]} {reason}: its rating cannot be estimated.")
    if groups.n_groups > 1:
        for group in range(groups.n_groups):
            names = [fit.models[m] for m in np.flatnonzero(groups.of_model == group)]
            notes.append(f"{_listed(names)} are {_AMONG[rank_by]}")
    if n_votes and not band:
        notes.append("The band of Elo over orders of the votes was left out.")
    return notes


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as integers, unless some are missing."""
    return values if np.isnan(values).any() else values.astype(np.int64)
