"""The hot loops in Python and NumPy: what runs where numba is not installed.

The same functions with the same arguments, compiled, are in `ratings.compiled`; the two agree to
1e-9. `ratings.kernels` picks one. Arguments are trusted: `ratings.votes` has checked them.
"""

from ratings.plain.codes import are_sound, encode
from ratings.plain.fits import count_cells, newton_fit, points_of
from ratings.plain.replays import elo_pass, elo_passes
from ratings.plain.rounds import add_votes, alias_tables, chord_fits, draw_pairs

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
