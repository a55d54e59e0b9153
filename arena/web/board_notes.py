"""A board's notes as the page says them: in the reader's language, equal ones in one sentence.

A note is an English sentence; a kind that is not known here is shown as it is. Why a note was
made is not known here.
"""

import re
from collections.abc import Mapping
from typing import Final

from arena.board import Board

# What a note looks like, and the sentence that says it; None is said by the page in another place.
_KINDS: Final[tuple[tuple[re.Pattern[str], str | None], ...]] = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        (r"(?P<models>.+) has no votes: its rating cannot be estimated\.", "alone_no_votes"),
        (
            (
                r"(?P<models>.+) won every vote against some models and lost every vote against "
                r"the others: its rating cannot be estimated\."
            ),
            "alone_between",
        ),
        (r"(?P<models>.+) won every vote: its rating cannot be estimated\.", "alone_won"),
        (r"(?P<models>.+) lost every vote: its rating cannot be estimated\.", "alone_lost"),
        (r"(?P<models>.+): too few votes, or votes too much alike, for .+\.", "no_interval"),
        (r"(?P<votes>[\d,]+) votes? names? a model '(?P<models>.+)': is .+\?", "perhaps_missing"),
        (r"The band of Elo over orders of the votes was left out\.", "no_band"),
        (
            (
                r"The interval for new questions and raters came out narrower than that of these "
                r"votes alone for (?P<models>\d+) of \d+ models; read the wider of the two\."
            ),
            "narrower",  # says how many models, not which
        ),
        (r".+ are rated and ranked only among themselves\.", None),
        (r".+ are rated only among themselves; the ranks are by Elo, .+\.", None),
        (r"Every vote here was cast .+; no person judged anything\.", None),
    )
)


def notes_said(board: Board, words: Mapping[str, str]) -> list[str]:
    """Return the groups without a common scale, and every note, each kind in one sentence."""
    said = _groups(board, words)
    models: dict[str, list[str]] = {}
    others = []
    for note in board.notes:
        key, named = _kind(note)
        if key:
            models.setdefault(key, []).append(named)
        elif key is None:
            others.append(note)
    for key, names in models.items():
        said.append(words[key].format(models=words["between"].join(names)))
    return said + others


def _kind(note: str) -> tuple[str | None, str]:
    """Return the words for a note, nothing if it is said elsewhere, None if it is unknown."""
    for pattern, key in _KINDS:
        if found := pattern.fullmatch(note):
            named, votes = (found.groupdict().get(group, "") for group in ("models", "votes"))
            return key or "", f"{named} ({votes})" if votes else named
    return None, ""


def _groups(board: Board, words: Mapping[str, str]) -> list[str]:
    if board.n_groups < 2:  # noqa: PLR2004  # one scale needs no word
        return []
    key = "apart_elo" if board.settings["rank_by"] == "elo" else "apart"
    said = []
    for group in range(board.n_groups):
        members = [str(name) for name in board.rows["model"] if board.groups[name] == group]
        named = words["between"].join(members)
        said.append(words[key].format(n=group + 1, models=named))
    return said
