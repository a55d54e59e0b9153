"""Boards: what votes say about models, made anew from the log each time.

`choice` says which votes count together, `table` is the board, `making` hands votes to `ratings`,
`rows` mends what came back, `judged` says how far ratings explain the votes and `sway` what else
does, `plain` writes numbers as JSON has them. How a board is printed or drawn is not known here.
"""

from arena.board.choice import LIVE, Choice
from arena.board.making import board_of, boards_by
from arena.board.plain import plain
from arena.board.table import KINDS, ROW_COLUMNS, Board, Heat, Kind
from ratings.rows import RankBy

__all__ = [
    "KINDS",
    "LIVE",
    "ROW_COLUMNS",
    "Board",
    "Choice",
    "Heat",
    "Kind",
    "RankBy",
    "board_of",
    "boards_by",
    "plain",
]
