"""What a bootstrap repeats: draws from tables, and fits close to a known one, in NumPy.

This module does not know what is drawn.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LAST_CHORD: Final = 1e-12  # logits: a chord step this short is the last
AWAY: Final = 1e-11  # logits: and so is one from which the maximum is no further
RUNAWAY: Final = 30.0  # logits: a step this long leads nowhere


def chord_fits(
    met: NDArray[np.float64],
    won: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    *,
    most_steps: int,
) -> NDArray[np.float64]:
    """Fit many tables close to one whose maximum and curvature are known.

    Each step is about the same share of the one before, so the last two tell how far the maximum
    still is.

    Parameters
    ----------
    met, won : ndarray of shape (n_pairs, n_rounds)
        Votes of each pair, and the points its first model took of them.
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
    fitted = np.full((len(logits), met.shape[1]), np.nan)
    votes, points = np.zeros((2, len(logits), len(logits)))
    first, second = pairs.T
    for drawn, taken, own in zip(met.T, won.T, fitted.T, strict=True):
        votes[first, second] = votes[second, first] = drawn
        points[first, second], points[second, first] = taken, drawn - taken
        _chord_fit(own, votes, points.sum(axis=1), logits, bread, most_steps)
    return fitted


def _chord_fit(  # noqa: PLR0917
    fitted: NDArray[np.float64],
    votes: NDArray[np.float64],
    taken: NDArray[np.float64],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    most_steps: int,
) -> None:
    here, before = logits.copy(), 0.0
    for _ in range(most_steps):
        odds = np.exp(here)
        step = bread @ (taken - odds * (votes / np.add.outer(odds, odds)).sum(axis=1))
        here += step
        longest = np.abs(step).max(initial=0.0)
        if not longest <= RUNAWAY:
            return
        if longest < LAST_CHORD or longest**2 < AWAY * (before - longest):
            fitted[:] = here
            return
        before = longest


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


def add_votes(
    met: NDArray[np.float64],
    won: NDArray[np.float64],
    kinds: NDArray[np.float64],
    missing: NDArray[np.int64],
) -> None:
    """Add votes one by one to the counts of pairs, in place.

    Parameters
    ----------
    met, won : ndarray of shape (n_pairs, n_rounds)
        Votes of each pair, and the points its first model took of them.
    kinds : ndarray of shape (n_votes,)
        Whole numbers: the pair of a win, n_pairs + that of a tie, 2 n_pairs + that of a loss.
    missing : ndarray of shape (n_rounds,)
        How many of them go to each round.
    """
    outcome, pair = np.divmod(kinds.astype(np.int64), len(met))
    place = np.repeat(np.arange(len(missing)), missing)
    np.add.at(met, (pair, place), 1.0)
    np.add.at(won, (pair, place), 1.0 - 0.5 * outcome)
