"""Neighbours on a leaderboard that cannot be told apart, and how many more votes would do it.

A table shows an order; where two neighbours could as well stand the other way round it has to say
so. Ratings are in doubt as long as the interval of their difference holds 0; Elo is where another
order of the same votes would swap the two.

How many more votes would settle a doubt follows from ``variance = constant / votes``. With ``t``
times the votes a lead has to be ``q e / sqrt(t)``, of an error ``e`` and a quantile ``q``; but the
further votes move the lead as well, by luck alone ``e sqrt(t - 1) / t``, so that of votes which
just shrink the interval to the lead every other log would stay in doubt. Named are as many as
settle a pair in four of five. That takes the lead for the true one, and the further votes for more
of the same: spread over the pairs as before and, where the interval is for new questions and
raters, over as many more of both. More votes settle nothing for Elo, which goes on moving.

This module does not know how ratings or their errors were made.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ratings.intervals import Uncertainty
from ratings.orders import EloOrders
from ratings.ranks import told_apart

FORESEEABLE: Final = 4.0  # times the votes there are: half the error; further ahead is a guess
_LUCK: Final = 0.8416  # standard deviations that luck falls short by in one of five logs


class Doubt(NamedTuple):
    """Two neighbours that cannot be told apart; ``more_votes`` is None where none can be named."""

    better: str
    worse: str
    more_votes: int | None = None


@dataclass(frozen=True)
class Doubts:
    """What a table must not be read as.

    Attributes
    ----------
    pairs : tuple of Doubt
        Neighbours in the table that cannot be told apart, from the top.
    neighbours : int
        Neighbouring pairs that share a scale, in doubt or not.
    of_elo : bool
        Whether the table is in the order of Elo.
    """

    pairs: tuple[Doubt, ...] = ()
    neighbours: int = 0
    of_elo: bool = False

    @property
    def runs(self) -> tuple[tuple[str, ...], ...]:
        """Models that follow each other, each of which cannot be told from the next."""
        runs: list[list[str]] = []
        for better, worse, _ in self.pairs:
            if runs and runs[-1][-1] == better:
                runs[-1].append(worse)
            else:
                runs.append([better, worse])
        return tuple(tuple(run) for run in runs)

    @property
    def settled_by(self) -> tuple[int, int]:
        """How many more votes would settle how many of the pairs: those that can be foreseen."""
        needed = [pair.more_votes for pair in self.pairs if pair.more_votes is not None]
        return max(needed, default=0), len(needed)

    @property
    def warning(self) -> str | None:
        """All of them in plain words; a run of neighbours by its first and its last."""
        if not self.pairs:
            return None
        runs = [
            f"{run[0]} and {run[1]}" if len(run) == 2 else f"{run[0]} to {run[-1]}"  # noqa: PLR2004 - a pair
            for run in self.runs
        ]
        found = f"{len(self.pairs)} of {self.neighbours} neighbouring pair"
        found += "" if self.neighbours == 1 else "s"
        several = len(self.pairs) > len(runs)
        if self.of_elo:
            each = ", each with the next" if several else ""
            said = f"Another order of the same votes could swap {found} (95 %){each}"
        else:
            each = ", each from the next" if several else ""
            said = f"{found} cannot be told apart yet (95 %){each}"
        return f"{said}: {'; '.join(runs)}.{self._outlook()}"

    def _outlook(self) -> str:
        votes, settled = self.settled_by
        if not settled:
            return ""
        said = f" About {votes:,} more votes like these would settle "
        if settled == len(self.pairs):
            return f"{said}{'it' if settled == 1 else 'all of them'}."
        return f"{said}{settled} of them; the rest may stay open."


def doubts_of_ratings(
    models: tuple[str, ...],
    order: NDArray[np.intp],
    ratings: NDArray[np.float64],
    uncertainty: Uncertainty,
    votes: NDArray[np.float64],
    *,
    level: float = 0.95,
) -> Doubts:
    """Return the neighbours whose difference in rating may be luck.

    Parameters
    ----------
    models : tuple of str
        Names.
    order : ndarray of shape (n_models,)
        Codes of the models from the top of the table down.
    ratings : ndarray of shape (n_models,)
        In points.
    uncertainty : Uncertainty
        Of these ratings.
    votes : ndarray of shape (n_models, n_models)
        Votes of each pair.
    level : float, default 0.95
        How certain.
    """
    apart = told_apart(ratings, uncertainty, level)
    together = ~np.isnan(uncertainty.difference_error)
    all_votes = float(votes.sum() / 2.0)  # of every group: more of the same go to all of them
    quantile = uncertainty.quantile(level)
    pairs, neighbours = [], 0
    for better, worse in pairwise(order.tolist()):
        if not together[better, worse]:
            continue  # no comparison, no doubt
        neighbours += 1
        if apart[better, worse]:
            continue
        error = float(uncertainty.difference_error[better, worse])
        more = _more_votes(float(ratings[better] - ratings[worse]), error, quantile, all_votes)
        pairs.append(Doubt(models[better], models[worse], more))
    return Doubts(tuple(pairs), neighbours)


def doubts_of_elo(
    models: tuple[str, ...], order: NDArray[np.intp], orders: EloOrders | None
) -> Doubts:
    """Return the neighbours that another order of the same votes could swap.

    Without ``orders`` nothing is known, and nothing is in doubt.
    """
    neighbours = max(len(order) - 1, 0)
    if orders is None:
        return Doubts((), neighbours, of_elo=True)
    apart = orders.told_apart()
    pairs = tuple(
        Doubt(models[better], models[worse])
        for better, worse in pairwise(order.tolist())
        if not apart[better, worse]
    )
    return Doubts(pairs, neighbours, of_elo=True)


def _more_votes(lead: float, error: float, quantile: float, votes: float) -> int | None:
    """Return how many more votes settle a lead in four of five logs, to two digits; or None."""
    if not lead > 0 or not error > 0:
        return None

    def over(times: float) -> float:
        needed = quantile * sqrt(times) + _LUCK * sqrt(times - 1.0)
        return times * lead / error - needed

    if not over(FORESEEABLE) >= 0:
        return None
    # below 0 without further votes, as the pair is in doubt, and curved upwards from there
    more = max(votes * (brentq(over, 1.0, FORESEEABLE) - 1.0), 1.0) if over(1.0) < 0 else 1.0
    step = 10 ** max(int(np.floor(np.log10(more))) - 1, 0)
    return int(np.ceil(more / step) * step)
