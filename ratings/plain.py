"""The hot loops in Python and NumPy: what runs where numba is not installed.

The same functions with the same arguments, compiled, are in `ratings.compiled`; the two agree to
1e-9. `ratings.kernels` picks one. Arguments are trusted: `ratings.votes` has checked them.
"""

from math import exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

LAST_STEP: Final = 1e-7  # logits: the next would be below 1e-14, as each squares the one before
LAST_CHORD: Final = 1e-12  # logits: chord steps shrink by a constant factor only
_SCORES: Final = (1.0, 0.0, 0.5, 0.5)  # seat A's score by outcome code, as `ratings.votes.SCORES`
RUNAWAY: Final = 30.0  # logits: a step this long leads nowhere
_SIDE_BY_SIDE: Final = 64  # orders from which one step for all of them beats one order at a time


def elo_pass(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    k: float,
    scale: float,
) -> None:
    """Replay votes onto ratings, in place.

    Parameters
    ----------
    ratings : ndarray of shape (n_models,)
        Ratings in points before the first vote; after the call, after the last.
    pairs : ndarray of shape (n_votes, 2)
        Codes of the models on seat A and seat B.
    outcome : ndarray of shape (n_votes,)
        Outcome codes.
    k, scale : float
        In points, as in `ratings.elo.elo_ratings`.
    """
    # Python floats in a list are read and written twice as fast as elements of an array
    points = ratings.tolist()
    slope = log(10.0) / scale
    seats_a, seats_b = pairs[:, 0].tolist(), pairs[:, 1].tolist()
    for a, b, code in zip(seats_a, seats_b, outcome.tolist(), strict=True):
        lead = points[a] - points[b]
        # exp of the negative size of the lead cannot overflow
        small = exp(-abs(lead) * slope)
        expected = 1.0 / (1.0 + small) if lead >= 0 else small / (1.0 + small)
        gain = k * (_SCORES[code] - expected)
        points[a] += gain
        points[b] -= gain
    ratings[:] = points


def elo_passes(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    orders: NDArray[np.int32],
    *,
    k: float,
    scale: float,
) -> None:
    """Replay the same votes in several orders, in place.

    Parameters
    ----------
    ratings : ndarray of shape (n_orders, n_models)
        Ratings in points before the first vote; after the call, after the last.
    pairs, outcome, k, scale
        As in `elo_pass`.
    orders : ndarray of shape (n_orders, n_replayed)
        Rows of the votes in the order in which to replay them; a row may come twice.
    """
    if len(orders) < _SIDE_BY_SIDE:
        for own, order in zip(ratings, orders, strict=True):
            elo_pass(own, pairs[order], outcome[order], k, scale)
        return
    slope = log(10.0) / scale
    half_gain = 0.5 * k
    points = ratings.reshape(-1)  # one flat table: a model's place is its order's offset + code
    offsets = np.arange(len(orders), dtype=np.int64) * ratings.shape[1]
    centred = 2.0 * np.array(_SCORES) - 1.0
    for step in np.ascontiguousarray(orders.T):
        seat_a = pairs[step, 0] + offsets
        seat_b = pairs[step, 1] + offsets
        at_a, at_b = points[seat_a], points[seat_b]
        # 2 * expected - 1 is the tanh of half the lead
        gain = half_gain * (centred[outcome[step]] - np.tanh((0.5 * slope) * (at_a - at_b)))
        points[seat_a] = at_a + gain
        points[seat_b] = at_b - gain


def count_cells(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int
) -> NDArray[np.float64]:
    """Count votes by model on seat A, model on seat B and outcome code.

    Returns
    -------
    ndarray of shape (n_models, n_models, 4)
        Whole numbers.
    """
    cells = pairs[:, 0] * np.int64(4 * n_models)
    cells += pairs[:, 1] * np.int64(4)
    cells += outcome
    counted = np.bincount(cells, minlength=4 * n_models**2)
    return counted.astype(np.float64).reshape(n_models, n_models, 4)


def points_of(seats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up wins and half of the ties by pair.

    Parameters
    ----------
    seats : ndarray of shape (n_models, n_models, 4)
        Votes by model on seat A, model on seat B and outcome code.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        Points of the row's model against the column's, on either seat.
    """
    scores = np.array(_SCORES)
    by_seat = seats @ np.column_stack([scores, 1.0 - scores])
    return np.asarray(by_seat[:, :, 0] + by_seat[:, :, 1].T)


def newton_fit(
    points: NDArray[np.float64],
    start: NDArray[np.float64] | None,
    *,
    damped: bool,
    most_steps: int,
) -> NDArray[np.float64]:
    """Maximise the Bradley-Terry likelihood by Newton's method.

    Parameters
    ----------
    points : ndarray of shape (n_models, n_models)
        Wins plus half of the ties of the row's model over the column's, with a zero diagonal.
    start : ndarray of shape (n_models,) or None
        Logits to start from; else the log-odds of each model's points against all others, shrunk
        to be exact for two models. Each model must then have taken and lost some.
    damped : bool
        Whether to shorten each step to log(1 + d) / d of it, d being its spread: slower, but
        for this likelihood it always arrives where a maximum exists.
    most_steps : int
        Steps after which to give up.

    Returns
    -------
    ndarray of shape (n_models,)
        Logits with mean 0; `nan` where the steps did not become small.
    """
    if start is None:
        start = np.log(points.sum(axis=1) / points.sum(axis=0)) * (1.0 - 1.0 / len(points))
    logits = start - start.mean()
    met = points + points.T
    for _ in range(most_steps):
        expected = expit(logits[:, None] - logits)
        # expected.T is 1 - expected without its rounding: a million to one needs the digits
        gradient = (points * expected.T - points.T * expected).sum(axis=1)
        weight = met * expected * expected.T
        curvature = np.diag(weight.sum(axis=1)) - weight
        # adding the same amount everywhere only acts on the free level of all logits
        curvature += curvature.trace() / len(points) ** 2
        try:
            step = np.linalg.solve(curvature, gradient)
        except np.linalg.LinAlgError:  # so far out that the curvature is lost to rounding
            break
        spread = np.ptp(step)
        logits = logits + (np.log1p(spread) / spread * step if damped and spread else step)
        if spread < LAST_STEP:
            return np.asarray(logits - logits.mean())
    return np.full(len(points), np.nan)


def chord_fits(
    points: NDArray[np.float64],
    met: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    *,
    most_steps: int,
) -> NDArray[np.float64]:
    """Fit many tables close to one whose maximum and curvature are known.

    Parameters
    ----------
    points : ndarray of shape (n_models, n_rounds)
        Points each model took.
    met : ndarray of shape (n_pairs, n_rounds)
        Votes of each pair.
    pairs : ndarray of shape (n_pairs, 2)
        Codes of the models of each pair, every pair once.
    logits : ndarray of shape (n_models,)
        The known maximum, from which every round starts.
    bread : ndarray of shape (n_models, n_models)
        Inverse of the curvature there; every step uses it.
    most_steps : int
        Rounds that need more are given up.

    Returns
    -------
    ndarray of shape (n_models, n_rounds)
        Logits; `nan` for a round that was given up.
    """
    fitted = np.full(points.shape, np.nan)
    votes = np.zeros((len(logits), len(logits)))
    share = np.empty_like(votes)
    for taken, drawn, own in zip(points.T, met.T, fitted.T, strict=True):
        votes[pairs[:, 0], pairs[:, 1]] = drawn
        votes[pairs[:, 1], pairs[:, 0]] = drawn
        here = logits.copy()
        for _ in range(most_steps):
            odds = np.exp(here)
            np.divide(votes, np.add.outer(odds, odds, out=share), out=share)
            step = bread @ (taken - odds * share.sum(axis=1))
            here += step
            longest = np.abs(step).max(initial=0.0)
            if longest > RUNAWAY:
                break
            if longest < LAST_CHORD:
                own[:] = here
                break
    return fitted


def alias_tables(chances: NDArray[np.float64], bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Prepare tables from which one uniform number draws one value, however long the table [1]_.

    Parameters
    ----------
    chances : ndarray of shape (n_values,)
        All tables, one after the other; those of one add up to 1.
    bounds : ndarray of shape (n_tables + 1,)
        Where each table starts, and the end of the last.

    Returns
    -------
    ndarray of shape (n_values,)
        Before the point, the other value that a place of its table gives; behind it, the chance
        that it gives its own.

    References
    ----------
    .. [1] M. D. Vose, "A linear algorithm for generating random numbers with a given
       distribution", IEEE Transactions on Software Engineering, 17(9), 1991.
    """
    aliases = np.empty(len(chances))
    stack = np.empty(len(chances), dtype=np.int64)
    for table in range(len(bounds) - 1):
        start, size = bounds[table], bounds[table + 1] - bounds[table]
        heights = chances[start : start + size] * size
        # places with too little wait at the bottom of one stack, with too much at its top
        little, much = 0, size
        for place in range(size):
            aliases[start + place] = place
            if heights[place] < 1.0:
                stack[little] = place
                little += 1
            else:
                much -= 1
                stack[much] = place
        while little > 0 and much < size:
            little -= 1
            short, tall = stack[little], stack[much]
            alias = tall + max(heights[short], 0.0)
            if alias < tall + 1:  # else rounding has made its own chance 1
                aliases[start + short] = alias
            heights[tall] -= 1.0 - heights[short]
            if heights[tall] < 1.0:
                much += 1
                stack[little] = tall
                little += 1
    return aliases


def alias_draws(
    uniform: NDArray[np.float64],
    table: NDArray[np.int64],
    bounds: NDArray[np.int64],
    aliases: NDArray[np.float64],
    lowest: NDArray[np.float64],
) -> None:
    """Replace uniform numbers by values drawn from tables.

    Parameters
    ----------
    uniform : ndarray of shape (n_kinds, n_rounds)
        Numbers in [0, 1); after the call, whole numbers.
    table : ndarray of shape (n_kinds,)
        Table of each row.
    bounds, aliases
        As in `alias_tables`.
    lowest : ndarray of shape (n_tables,)
        The value of a table's first place.
    """
    for row, number in zip(uniform, table, strict=True):
        start = bounds[number]
        at = row * (bounds[number + 1] - start)
        place = np.floor(at)
        alias = aliases[start + place.astype(np.int64)]
        other = np.floor(alias)
        row[:] = lowest[number] + np.where(at - place < alias - other, place, other)
