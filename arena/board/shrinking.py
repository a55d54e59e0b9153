"""Ratings of an aspect drawn towards the overall ones, beside those of its own votes alone.

A ninth of the votes makes a rating that is mostly luck. How far to draw is estimated from all
votes at once (`ratings.aspects`). How a board is made of the votes on one aspect is not known here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pandas as pd

from arena.board.table import SHRUNK, Board
from ratings.aspects import AspectRatings, aspect_ratings
from ratings.votes import Votes

LUCK: Final = 0.05  # a difference that chance gives less often than this is none


def with_shrunk(boards: Mapping[str, Board], votes: Votes) -> dict[str, Board]:
    """Return the boards of all aspects of these votes with the columns `SHRUNK`.

    One aspect alone has nothing to be compared with, and gets none.
    """
    found = aspect_ratings(votes)
    if len(found.aspects) < 2:  # noqa: PLR2004  # of two or more
        return dict(boards)
    return {aspect: _beside(board, aspect, found) for aspect, board in boards.items()}


def _beside(board: Board, aspect: str, found: AspectRatings) -> Board:
    if aspect not in found.aspects:  # its votes are of raters who do not count among all votes
        return board
    row = found.aspects.index(aspect)
    columns = (found.ratings[row], found.error[row])
    shrunk = pd.DataFrame(dict(zip(SHRUNK, columns, strict=True)), index=list(found.models))
    return replace(
        board,
        rows=board.rows.join(shrunk, on="model"),
        settings={**board.settings, "tau": found.tau},
        notes=(*board.notes, _said(found)),
    )


def _said(found: AspectRatings) -> str:
    apart = "do not differ between aspects by more than luck"
    if found.tau:
        by = f"{found.tau:.0f} points (standard deviation)"
        luck = "" if found.p < LUCK else ", which may be luck"
        apart = f"are estimated to differ between aspects by {by}{luck}"
    return (
        "Shrunk: the rating on this aspect, drawn towards the model's overall one where votes are "
        f"few. Ratings {apart}. ±: the overall ratings taken as known."
    )
