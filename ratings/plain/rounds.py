"""What a bootstrap repeats: draws from tables, and fits close to a known one, in NumPy.

This module does not know what is drawn.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LAST_CHORD: Final = 1e-12  # logits: a chord step this short is the last
AWAY: Final = 1e-11  # logits: and so is one from which the maximum is no further
RUNAWAY: Final = 30.0  # logits: a step this long leads nowhere
HALF: Final = 32  # bits of a random number that draw one value, and of an entry that are a chance
LOW: Final = (1 << HALF) - 1

Tables = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def chord_fits(
    met: NDArray[np.int32] | NDArray[np.float64],
    points: NDArray[np.float64],
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
    met : ndarray of shape (n_pairs, n_rounds)
        Votes of each pair.
    points : ndarray of shape (n_models, n_rounds)
        What each model took of them.
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
    first, second = pairs.T
    for drawn, taken, own in zip(met.T, points.T, fitted.T, strict=True):
        votes[first, second] = votes[second, first] = drawn
        _chord_fit(own, votes, taken, logits, bread, most_steps)
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


def alias_tables(chances: NDArray[np.float64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Prepare tables from which one random number draws one value, however long the table [1]_.

    Parameters
    ----------
    chances : ndarray of shape (n_values,)
        All tables, one after the other; those of one add up to 1.
    bounds : ndarray of shape (n_tables + 1,)
        Where each table starts, and the end of the last.

    Returns
    -------
    ndarray of shape (n_values,)
        In the upper half of the bits the other value that a place of its table gives, in the lower
        half the chance that it gives its own, of 2 ** 32.

    References
    ----------
    .. [1] M. D. Vose, "A linear algorithm for generating random numbers with a given
       distribution", IEEE Transactions on Software Engineering, 17(9), 1991.
    """
    aliases = np.empty(len(chances), dtype=np.int64)
    stack = np.empty(len(chances), dtype=np.int64)
    for table in range(len(bounds) - 1):
        start, size = bounds[table], bounds[table + 1] - bounds[table]
        heights = chances[start : start + size] * size
        # places with too little wait at the bottom of one stack, with too much at its top
        little, much = 0, size
        for place in range(size):
            aliases[start + place] = place << HALF
            if heights[place] < 1.0:
                stack[little] = place
                little += 1
            else:
                much -= 1
                stack[much] = place
        while little > 0 and much < size:
            little -= 1
            short, tall = stack[little], stack[much]
            own = round(max(heights[short], 0.0) * (LOW + 1))
            if own <= LOW:  # else it gives its own value always
                aliases[start + short] = (tall << HALF) | own
            heights[tall] -= 1.0 - heights[short]
            if heights[tall] < 1.0:
                much += 1
                stack[little] = tall
                little += 1
    return aliases


def draw_pairs(
    raw: NDArray[np.int64],
    pairs: NDArray[np.int32],
    tables: Tables,
    met: NDArray[np.int32],
    points: NDArray[np.float64],
) -> None:
    """Draw the votes of pairs from tables, kind by kind.

    Parameters
    ----------
    raw : ndarray of shape (n_pairs, 3, n_words)
        Random bits, half a word for each value: first the lower halves of all words.
    pairs : ndarray of shape (n_pairs, 2)
        Codes of the models of each pair.
    tables : tuple of ndarray
        The tables of each pair's wins, ties and losses, of shape (n_pairs, 3); bounds and aliases
        as in `alias_tables`; and the value of each table's first place.
    met : ndarray of shape (n_pairs, n_rounds)
        Filled with the votes of each pair.
    points : ndarray of shape (n_models, n_rounds)
        What each model took of them is added, a tie as a half.
    """
    table, bounds, aliases, lowest = tables
    for bits, pair, kinds, drawn in zip(raw, pairs, table, met, strict=True):
        uniform = np.concatenate([bits & LOW, (bits >> HALF) & LOW], axis=1)[:, : len(drawn)]
        at = uniform * (bounds[kinds + 1] - bounds[kinds])[:, None]
        entry = aliases[bounds[kinds][:, None] + (at >> HALF)]
        own = (at & LOW) < (entry & LOW)
        value = lowest[kinds][:, None] + np.where(own, at >> HALF, entry >> HALF)
        drawn[:] = value.sum(axis=0)
        points[pair] += value[[0, 2]] + 0.5 * value[1]


def add_votes(  # noqa: PLR0917
    raw: NDArray[np.int64],
    missing: NDArray[np.int64],
    pairs: NDArray[np.int32],
    aliases: NDArray[np.int64],
    met: NDArray[np.int32],
    points: NDArray[np.float64],
) -> None:
    """Draw votes one by one and add them to the counts of pairs, in place.

    Parameters
    ----------
    raw : ndarray of shape (n_votes,)
        Random bits, a word for each vote.
    missing : ndarray of shape (n_rounds,)
        How many of the votes go to each round.
    pairs : ndarray of shape (n_pairs, 2)
        Codes of the models of each pair.
    aliases : ndarray of shape (3 * n_pairs,)
        One table as in `alias_tables`, of the wins, ties and losses of each pair in turn.
    met : ndarray of shape (n_pairs, n_rounds)
        Votes of each pair.
    points : ndarray of shape (n_models, n_rounds)
        What each model took of them.
    """
    place = (((raw >> HALF) & LOW) * len(aliases)) >> HALF
    entry = aliases[place]
    pair, outcome = np.divmod(np.where((raw & LOW) < (entry & LOW), place, entry >> HALF), 3)
    number = np.repeat(np.arange(len(missing)), missing)
    np.add.at(met, (pair, number), 1)
    np.add.at(points, (pairs[pair, 0], number), 1.0 - 0.5 * outcome)
    np.add.at(points, (pairs[pair, 1], number), 0.5 * outcome)
