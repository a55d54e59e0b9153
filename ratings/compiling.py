"""Compiles the hot loops of a leaderboard ahead, so that the first large log does not wait for it.

`make install` runs it (`python -m ratings.compiling`). numba keeps what it compiled on the disk
and compiles again only for types it has not met, on another processor, or where our source has
changed. So a leaderboard of invented votes is made on the way of a large log, and thrown away.
Without numba there is nothing to compile, and nothing is.
"""

from itertools import permutations
from math import inf
from typing import Final

import pandas as pd

from ratings.kernels import expect
from ratings.leaderboard import leaderboard
from ratings.votes import Outcome, Votes

_MODELS: Final = ("oak", "pine", "fir")


def main() -> None:
    """Make a leaderboard of every outcome between any two of three models."""
    expect(inf)
    votes = [(a, b, str(said)) for a, b in permutations(_MODELS, 2) for said in Outcome]
    leaderboard(Votes.from_frame(pd.DataFrame(votes, columns=["model_a", "model_b", "winner"])))


if __name__ == "__main__":
    main()
