"""Vote logs in files: every public format in, and ours and theirs out.

`columns` says what a vote is, `families` how each format says it, `files` how tables lie on disk,
`reading` and `writing` join them. Databases, boards and pages are not known here.
"""

from arena.formats.columns import COLUMNS, OUTCOMES
from arena.formats.reading import Reading, read_log, read_votes
from arena.formats.writing import EXPORTS, write_votes

__all__ = ["COLUMNS", "EXPORTS", "OUTCOMES", "Reading", "read_log", "read_votes", "write_votes"]
