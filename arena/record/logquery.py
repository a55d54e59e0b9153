"""Turns the tables into the vote log: the columns that other people's code reads.

The columns are those of the public arena sets and ours after them; `docs/vote-log.md` says what
each means. This file reads any database file, also one that a server is writing to, and knows
nothing of other file formats (`arena.formats`).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError, OperationalError

from arena.errors import ConfigError, StoreError
from arena.formats.columns import COLUMNS
from arena.record.database import database_path
from arena.record.engines import reading_engine

# From a vote to all that it is about.
WHOLE_VOTE: Final = """
JOIN battle ON battle.id = vote.battle_id
JOIN item ON item.id = battle.item_id
JOIN model AS x ON x.id = item.model_x
JOIN model AS y ON y.id = item.model_y
JOIN rater ON rater.id = vote.rater_id
LEFT JOIN question ON question.id = item.question_id
LEFT JOIN study ON study.id = item.study_id
"""

_VOTES = """
SELECT vote.seq, vote.battle_id, battle.item_id, COALESCE(study.name, '') AS study,
       COALESCE(question.name, item.id) AS question_id, question.aspect,
       CASE battle.x_sits_at_a WHEN 1 THEN x.name ELSE y.name END AS model_a,
       CASE battle.x_sits_at_a WHEN 1 THEN y.name ELSE x.name END AS model_b,
       vote.outcome AS winner, vote.rater_id AS judge, rater.kind AS rater_kind,
       (SELECT count(*) FROM turn WHERE turn.item_id = item.id) AS turn,
       1 AS anony, item.language, vote.created_at / 1e6 AS tstamp,
       battle.display, vote.dwell_ms, battle.propensity,
       CASE battle.x_sits_at_a WHEN 1 THEN x.quantization ELSE y.quantization END
           AS quantization_a,
       CASE battle.x_sits_at_a WHEN 1 THEN y.quantization ELSE x.quantization END
           AS quantization_b,
       battle.x_sits_at_a,
       (SELECT group_concat(kind || ': ' || reason, '; ') FROM vote_flag
        WHERE vote_flag.vote_seq = vote.seq) AS flags,
       {resident} AS resident
FROM {votes} AS vote
{whole}
{where}
ORDER BY vote.seq
"""

# The newest decision of an admin on a vote, where it leaves the vote out.
_SET_ASIDE = """
SELECT vote_seq, reason FROM vote_flag AS flag
WHERE flag.kind = 'set_aside' AND NOT EXISTS (
    SELECT 1 FROM vote_flag AS later
    WHERE later.vote_seq = flag.vote_seq AND later.id > flag.id AND later.kind <> 'note')
"""

_COUNTED: Final = f"WHERE vote.seq NOT IN (SELECT vote_seq FROM ({_SET_ASIDE}))"  # noqa: S608 - our own text

_TURNS = """
SELECT turn.item_id, turn.number, turn.prompt, placed.place, response.text,
       response.finish_reason, response.tokens
FROM turn
LEFT JOIN item_response AS placed
       ON placed.item_id = turn.item_id AND placed.turn = turn.number
LEFT JOIN response ON response.id = placed.response_id
ORDER BY turn.item_id, turn.number
"""

_LAST_RESPONSES = """
SELECT placed.item_id, placed.place, response.finish_reason, length(response.text)
FROM item_response AS placed
JOIN response ON response.id = placed.response_id
WHERE NOT EXISTS (SELECT 1 FROM item_response AS later
                  WHERE later.item_id = placed.item_id AND later.turn > placed.turn)
"""


def read_log(
    place: str | Path, *, conversations: bool = False, in_force: bool = True
) -> pd.DataFrame:
    """Return the vote log of a database, one row a vote in the order of the votes.

    With `in_force` only the votes that count: none that was corrected, withdrawn or set aside.
    Without it every stored row, withdrawals included.

    Raises
    ------
    ConfigError
        If there is no such database.
    StoreError
        If it is damaged, or no database of ours.
    """
    with _reading(place) as connection:
        query = _VOTES.format(
            votes="vote_in_force" if in_force else "vote",
            whole=WHOLE_VOTE,
            where=_COUNTED if in_force else "",
            resident="battle.resident" if _tells_resident(connection) else "NULL",
        )
        frame = pd.read_sql(text(query), connection)
        frame["anony"] = frame["anony"].astype(bool)
        frame["flags"] = frame["flags"].fillna("")
        swapped = ~frame.pop("x_sits_at_a").astype(bool)
        _add_last_responses(frame, swapped, connection)
        if conversations:
            _add_conversations(frame, swapped, connection)
    kept = [column for column in COLUMNS if column in frame]
    return frame[kept]


def _tells_resident(connection: Connection) -> bool:
    """Tell whether battles have that column: what an older Evenhand wrote is read as it stands."""
    found = connection.execute(text("SELECT name FROM pragma_table_info('battle')"))
    return "resident" in found.scalars()


def log_counts(place: str | Path) -> dict[str, Any]:
    """Return how many votes are stored and counted, and why the rest is not.

    `{"stored", "counted", "set_aside": {reason: n}}`.

    Raises
    ------
    ConfigError
        If there is no such database.
    StoreError
        If it is damaged, or no database of ours.
    """
    with _reading(place) as connection:
        stored = connection.execute(text(_STORED)).scalar_one()
        reasons = _left_out(connection).values()
    set_aside = dict(sorted(Counter(reasons).items()))
    return {"stored": stored, "counted": stored - len(reasons), "set_aside": set_aside}


def left_out(place: str | Path) -> dict[int, str]:
    """Return why stored votes do not count, by their `seq`; those that count have no reason.

    Raises
    ------
    ConfigError
        If there is no such database.
    StoreError
        If it is damaged, or no database of ours.
    """
    with _reading(place) as connection:
        return _left_out(connection)


def _left_out(connection: Connection) -> dict[int, str]:
    return {int(seq): str(why) for seq, why in connection.execute(text(_LEFT_OUT))}


# A stored vote is a press of a vote button; the row that withdraws one is not another vote.
_STORED: Final = "SELECT count(*) FROM vote WHERE outcome <> 'withdrawn'"

_LEFT_OUT = (
    "WITH aside AS ("
    + _SET_ASIDE
    + """)
SELECT vote.seq, CASE later.outcome WHEN 'withdrawn' THEN 'withdrawn by the rater'
            ELSE COALESCE(CASE WHEN later.seq IS NOT NULL THEN 'corrected by the rater' END,
                          'set aside: ' || aside.reason) END
FROM vote
LEFT JOIN vote AS later ON later.supersedes = vote.seq
LEFT JOIN aside ON aside.vote_seq = vote.seq
WHERE vote.outcome <> 'withdrawn' AND (later.seq IS NOT NULL OR aside.vote_seq IS NOT NULL)
ORDER BY vote.seq
"""
)


def _reading(place: str | Path) -> AbstractContextManager[Connection]:
    return connected(opened(place), database_path(place))


def opened(place: str | Path) -> Engine:
    """Return what connects to a database in order to read it.

    Raises
    ------
    ConfigError
        If there is no such database.
    """
    path = database_path(place)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a database in it.")
    if not path.is_file():
        raise ConfigError(f"There is no database {path}; check the path.")
    return reading_engine(path)


@contextmanager
def connected(engine: Engine, path: Path) -> Iterator[Connection]:
    """Connect to an opened database, and say in our words what is wrong with it.

    Raises
    ------
    StoreError
        If it is damaged, or no database of ours.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except (DatabaseError, pd.errors.DatabaseError) as error:
        raise StoreError(_fault(path, error)) from error


_NOT_OURS: Final = ("file is not a database", "no such table", "no such column")


def _fault(path: Path, error: Exception) -> str:
    """Return what SQLite says about a file, in our words and without the statement."""
    cause = error if isinstance(error, DatabaseError) else error.__cause__  # pandas wraps it
    said = str(getattr(cause, "orig", "unknown"))
    if any(sign in said for sign in _NOT_OURS):
        return f"{path} is no Evenhand database ({said}). Restore a backup, or name another file."
    if isinstance(cause, OperationalError):
        return f"{path} cannot be read ({said}). Try again, or name another file."
    return f"{path} is damaged ({said}). Restore a backup."


def _add_last_responses(
    frame: pd.DataFrame, swapped: "pd.Series[bool]", connection: Connection
) -> None:
    """Add why each side's last response ended and how many characters it has."""
    last: dict[tuple[str, str], tuple[str, int]] = {
        (item, place): (reason, length)
        for item, place, reason, length in connection.execute(text(_LAST_RESPONSES))
    }
    for seat, place, other in (("a", "x", "y"), ("b", "y", "x")):
        found = [
            last.get((item, other if turned else place), ("", 0))
            for item, turned in zip(frame["item_id"], swapped, strict=True)
        ]
        frame[f"finish_reason_{seat}"] = pd.Series([reason for reason, _ in found], dtype=str)
        frame[f"length_{seat}"] = pd.Series([length for _, length in found], dtype="int64")


def _add_conversations(
    frame: pd.DataFrame, swapped: "pd.Series[bool]", connection: Connection
) -> None:
    """Add what was said, as the public sets have it: a list of role and content for each side."""
    talks: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for item, _, prompt, place, response, _, tokens in connection.execute(text(_TURNS)):
        if place is None:
            continue
        talks.setdefault((item, place), []).extend(
            [
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": response, "num_tokens": tokens},
            ]
        )
    for seat, place, other in (("a", "x", "y"), ("b", "y", "x")):
        found = [
            talks.get((item, other if turned else place), [])
            for item, turned in zip(frame["item_id"], swapped, strict=True)
        ]
        frame[f"conversation_{seat}"] = pd.Series(found, dtype=object)
