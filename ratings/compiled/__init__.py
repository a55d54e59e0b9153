"""The hot loops compiled by numba: the functions of `ratings.plain`, ten and more times faster.

Only `ratings.kernels` imports this package, and only when there is enough work: importing numba
takes longer than most leaderboards. What each function does stands in `ratings.plain`.
"""

from ratings.compiled.codes import are_sound, encode
from ratings.compiled.fits import count_cells, newton_fit, points_of
from ratings.compiled.replays import elo_pass, elo_passes
from ratings.compiled.rounds import add_votes, alias_tables, chord_fits, draw_pairs

__all__ = [
    "add_votes",
    "alias_tables",
    "are_sound",
    "chord_fits",
    "count_cells",
    "draw_pairs",
    "elo_pass",
    "elo_passes",
    "encode",
    "newton_fit",
    "points_of",
]
