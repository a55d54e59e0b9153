"""The rows of a leaderboard: ratings, counts and Elo under the names of their columns, best first.

This module does not know what is said beside the rows.
"""

from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.bradley_terry import BradleyTerry
from ratings.counts import PairCounts
from ratings.intervals import Uncertainty
from ratings.orders import EloOrders
from ratings.ranks import rank_ranges, ranks, told_apart
from ratings.winrate import overall_rates

COLUMNS: Final = (
    *("rank", "rank_low", "rank_high", "model"),
    *("rating", "lower", "upper", "lower_these", "upper_these"),
    *("votes", "wins", "losses", "ties", "both_bad", "win_rate", "failure_rate"),
    *("elo", "elo_mean", "elo_low", "elo_high", "elo_low_all", "elo_high_all", "group"),
)
LEVEL: Final = 0.95

RankBy = Literal["rating", "elo"]


def rows_of(
    fit: BradleyTerry,
    elo: NDArray[np.float64],
    rank_by: RankBy,
    *,
    new: Uncertainty,
    these: Uncertainty,
    band: EloOrders | None,
    redrawn: EloOrders | None,
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Return one row a model, best first, and the codes of the models in that order.

    Parameters
    ----------
    fit : BradleyTerry
        Ratings with the counts that made them.
    elo : ndarray of shape (n_models,)
        Elo in log order, in points.
    rank_by : {"rating", "elo"}
        What orders them.
    new, these : Uncertainty
        For new questions and raters, and of these votes only.
    band, redrawn : EloOrders or None
        Elo over orders of the same votes, and over orders of redrawn votes.
    """
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
    return rows.iloc[order].reset_index(drop=True), order


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
    return {name: whole(values) for name, values in named.items()}


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
        "votes": whole(counts.votes.sum(axis=1)),
        "wins": whole(counts.wins.sum(axis=1)),
        "losses": whole(counts.wins.sum(axis=0)),
        "ties": whole(counts.ties.sum(axis=1)),
        "both_bad": whole(counts.both_bad.sum(axis=1)),
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


def whole(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as integers, unless some are missing."""
    return values if np.isnan(values).any() else values.astype(np.int64)
