"""Which of the two sets of hot loops runs: compiled by numba, or plain.

The compiled ones are used where numba is installed (the extra ``fast``) and the work is worth
the second it takes to import it, or something before has imported it already. The numbers agree
to 1e-9 either way, so nobody needs to choose; importing `ratings` compiles nothing.

This module does not know what the loops compute.
"""

import importlib.util
import sys
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

from ratings import plain
from ratings.plain.rounds import Tables

if TYPE_CHECKING:
    from types import ModuleType

_WORTH: Final = 2_000_000  # elementary steps that take plain loops about as long as the import
_COMPILED: Final = "ratings.compiled"


def kernels(work: float) -> "ModuleType":
    """Return the module whose loops to run for so many elementary steps.

    Returns
    -------
    module
        `ratings.compiled` or `ratings.plain`.
    """
    loaded = sys.modules.get(_COMPILED)
    if loaded is not None:
        return loaded
    if work < _WORTH or importlib.util.find_spec("numba") is None:
        return plain
    return importlib.import_module(_COMPILED)


def expect(work: float) -> None:
    """Load the loops for so much work that comes in pieces, each too small to be worth it."""
    kernels(work)


def elo_pass(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    k: float,
    scale: float,
) -> None:
    """Replay votes onto ratings, in place: `ratings.plain.elo_pass`."""
    kernels(len(outcome)).elo_pass(ratings, pairs, outcome, k, scale)


def elo_passes(
    ratings: NDArray[np.float64],
    pairs: NDArray[np.int32],
    outcome: NDArray[np.int8],
    orders: NDArray[np.int32],
    *,
    k: float,
    scale: float,
) -> None:
    """Replay votes in several orders, in place: `ratings.plain.elo_passes`."""
    kernels(orders.size).elo_passes(ratings, pairs, outcome, orders, k=k, scale=scale)


def encode(
    codes: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    lookups: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]],
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Look up the codes of votes: `ratings.plain.encode`."""
    encoded = kernels(len(codes[0]) / 10).encode(codes, lookups)
    return cast("tuple[NDArray[np.int32], NDArray[np.int8]]", encoded)


def are_sound(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int, n_outcomes: int
) -> bool:
    """Return whether all votes are between two known models: `ratings.plain.are_sound`."""
    loops = kernels(len(outcome) / 10)
    return bool(loops.are_sound(pairs, outcome, n_models, n_outcomes))


def count_cells(
    pairs: NDArray[np.int32], outcome: NDArray[np.int8], n_models: int
) -> NDArray[np.float64]:
    """Count votes by seats and outcome: `ratings.plain.count_cells`."""
    # NumPy counts nearly as fast: a tenth of a step of the other loops
    counted = kernels(len(outcome) / 10).count_cells(pairs, outcome, n_models)
    return cast("NDArray[np.float64]", counted)


def points_of(seats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up wins and half of the ties by pair: `ratings.plain.points_of`."""
    return cast("NDArray[np.float64]", kernels(seats.size / 10).points_of(seats))


def newton_fit(
    points: NDArray[np.float64],
    start: NDArray[np.float64] | None,
    *,
    damped: bool,
    most_steps: int,
) -> NDArray[np.float64]:
    """Maximise the Bradley-Terry likelihood: `ratings.plain.newton_fit`."""
    fitted = kernels(points.size).newton_fit(points, start, damped=damped, most_steps=most_steps)
    return cast("NDArray[np.float64]", fitted)


def chord_fits(
    met: NDArray[np.int32] | NDArray[np.float64],
    points: NDArray[np.float64],
    pairs: NDArray[np.int32],
    logits: NDArray[np.float64],
    bread: NDArray[np.float64],
    *,
    most_steps: int,
) -> NDArray[np.float64]:
    """Fit many tables close to a known one: `ratings.plain.chord_fits`."""
    loops = kernels(met.size)
    fitted = loops.chord_fits(met, points, pairs, logits, bread, most_steps=most_steps)
    return cast("NDArray[np.float64]", fitted)


def alias_tables(chances: NDArray[np.float64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Prepare tables to draw from: `ratings.plain.alias_tables`."""
    made = kernels(chances.size).alias_tables(chances, bounds)
    return cast("NDArray[np.int64]", made)


def draw_pairs(
    raw: NDArray[np.int64],
    pairs: NDArray[np.int32],
    tables: Tables,
    met: NDArray[np.int32],
    points: NDArray[np.float64],
) -> None:
    """Draw the votes of pairs from tables, kind by kind: `ratings.plain.draw_pairs`."""
    kernels(raw.size / 5).draw_pairs(raw, pairs, tables, met, points)


def add_votes(  # noqa: PLR0917
    raw: NDArray[np.int64],
    missing: NDArray[np.int64],
    pairs: NDArray[np.int32],
    aliases: NDArray[np.int64],
    met: NDArray[np.int32],
    points: NDArray[np.float64],
) -> None:
    """Draw votes one by one and add them to counts, in place: `ratings.plain.add_votes`."""
    kernels(raw.size / 10).add_votes(raw, missing, pairs, aliases, met, points)
