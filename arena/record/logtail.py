"""Follows the votes of a database: all of them at first, then only the rows that are new.

Rows are only ever added, so whatever came since the last look has higher numbers, and finding it
costs the same with a thousand votes and with millions. Votes are kept in codes
(`arena.formats.coded`), so that one that is taken back needs no second reading either. The place up
to which rows are taken moves with them: a read that fails part way loses none and takes none twice.

Boards are public, so nothing may move here while a rater can still vote: what a model failed at is
taken with the first vote on an item, at which its names are told. Responses without a vote never
count: their pair goes back to the plan, and who knew it could know the next battle by it. What a
board makes of all this is not known here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from arena.formats.coded import Coding
from arena.record.database import database_path
from arena.record.logquery import WHOLE_VOTE, connected, opened

_AT_ONCE: Final = 50_000  # rows held as they come from the database
_KINDS: Final = {"seq": "int64", "length_a": "Int64", "length_b": "Int64"}  # all others are names


class Cast(NamedTuple):
    """A row of the table `vote`, with the names that it stands for."""

    seq: int
    supersedes: int | None
    study: str | None
    question_id: str
    aspect: str | None
    model_a: str
    model_b: str
    winner: str
    judge: str
    rater_kind: str
    item_id: str
    language: str | None
    quantization_a: str
    quantization_b: str
    length_a: int | None
    length_b: int | None


class Shown(NamedTuple):
    """What responses that were voted on were made for, by which model, and whose vote it was."""

    rater_kind: str
    study: str | None
    aspect: str | None
    language: str | None
    model: str


Failures = Mapping[Shown, tuple[int, int]]  # how many failed, and of how many


_NEWEST: Final = text("""
SELECT (SELECT max(id) FROM vote_flag), (SELECT max(seq) FROM vote)
""")

_CAST: Final = text(f"""
SELECT vote.seq, vote.supersedes, study.name, COALESCE(question.name, item.id),
       NULLIF(question.aspect, ''),
       CASE battle.x_sits_at_a WHEN 1 THEN x.name ELSE y.name END,
       CASE battle.x_sits_at_a WHEN 1 THEN y.name ELSE x.name END,
       vote.outcome, vote.rater_id, rater.kind, item.id, NULLIF(item.language, ''),
       CASE battle.x_sits_at_a WHEN 1 THEN x.quantization ELSE y.quantization END,
       CASE battle.x_sits_at_a WHEN 1 THEN y.quantization ELSE x.quantization END,
       (SELECT length(response.text) FROM item_response AS placed
        JOIN response ON response.id = placed.response_id
        WHERE placed.item_id = item.id
          AND placed.place = CASE battle.x_sits_at_a WHEN 1 THEN 'x' ELSE 'y' END
        ORDER BY placed.turn DESC LIMIT 1),
       (SELECT length(response.text) FROM item_response AS placed
        JOIN response ON response.id = placed.response_id
        WHERE placed.item_id = item.id
          AND placed.place = CASE battle.x_sits_at_a WHEN 1 THEN 'y' ELSE 'x' END
        ORDER BY placed.turn DESC LIMIT 1)
FROM vote
{WHOLE_VOTE}
WHERE vote.seq > :seen AND vote.seq <= :newest
ORDER BY vote.seq
""")  # noqa: S608 - our own text

_FLAGS: Final = text("""
SELECT vote_seq, CASE kind WHEN 'set_aside' THEN 'set aside: ' || reason END
FROM vote_flag WHERE id > :seen AND id <= :newest AND kind <> 'note' ORDER BY id
""")

# A model's own failures: nothing said, or cut at the length limit. Ours make a battle void instead.
# An item has all its responses at its first vote, and gets none later (`arena.record.entering`).
# They count once for each kind of rater: what a program voted on first counts for people too.
_SHOWN: Final = text("""
SELECT rater.kind, study.name, NULLIF(question.aspect, ''), NULLIF(item.language, ''), model.name,
       sum(response.finish_reason = 'length' OR trim(response.text, char(9, 10, 13, 32)) = ''),
       count(*)
FROM vote
JOIN battle ON battle.id = vote.battle_id
JOIN item ON item.id = battle.item_id
JOIN item_response AS placed ON placed.item_id = item.id
JOIN response ON response.id = placed.response_id
JOIN model ON model.id = response.model_id
JOIN rater ON rater.id = vote.rater_id
LEFT JOIN question ON question.id = item.question_id
LEFT JOIN study ON study.id = item.study_id
WHERE vote.seq > :seen AND vote.seq <= :newest AND NOT EXISTS (
    SELECT 1 FROM battle AS other JOIN vote AS earlier ON earlier.battle_id = other.id
    JOIN rater AS theirs ON theirs.id = earlier.rater_id AND theirs.kind = rater.kind
    WHERE other.item_id = battle.item_id AND earlier.seq < vote.seq)
GROUP BY 1, 2, 3, 4, 5
""")


class Tail:
    """The votes of a database up to the last look."""

    def __init__(self, place: str | Path) -> None:
        self.source = str(place)
        self._path = database_path(place)
        self._engine = opened(place)
        self._file = self._path.stat().st_ino
        self.seen: tuple[int, ...] = (0, 0, 0)  # flags, votes for their responses, votes
        self._untold = False  # whether rows were taken by a look that failed
        self._coding = Coding()
        self._uncoded: list[Cast] = []
        self._superseded: dict[int, str] = {}
        self._set_aside: dict[int, str] = {}
        self._failures: dict[Shown, tuple[int, int]] = {}

    @property
    def gone(self) -> bool:
        """Whether another file stands in its place by now, or none."""
        try:
            return self._path.stat().st_ino != self._file
        except FileNotFoundError:
            return True

    def look(self) -> list[Cast] | None:
        """Take in what is new: return the new votes, or None if older ones changed what they are.

        Raises
        ------
        StoreError
            If the database is damaged, or is none of ours.
        """
        with connected(self._engine, self._path) as connection:
            flags, votes = (number or 0 for number in connection.execute(_NEWEST).one())
            newest = flags, votes, votes
            if newest == self.seen and not self._untold:
                return []
            changed = self._untold or not self.seen[2]
            self._untold = True  # until all is read: whatever is taken stays taken
            changed |= self._take_flags(connection, flags)
            self._take_shown(connection, votes)
            added: list[Cast] = []
            span = {"seen": self.seen[2], "newest": votes}
            for part in connection.execute(_CAST, span).partitions(_AT_ONCE):
                changed |= bool(added)  # only the last part is returned
                added = [Cast(*row) for row in part]
                changed |= self._take_votes(added)
        self.seen, self._untold = newest, False
        return None if changed else added

    def _take_flags(self, connection: Connection, newest: int) -> bool:
        seen, shown, votes = self.seen
        flags = connection.execute(_FLAGS, {"seen": seen, "newest": newest}).all()
        for seq, reason in flags:
            self._set_aside.pop(seq, None)
            if reason is not None:
                self._set_aside[seq] = reason
        self.seen = newest, shown, votes
        return bool(flags)

    def _take_shown(self, connection: Connection, newest: int) -> None:
        flags, seen, votes = self.seen
        rows = connection.execute(_SHOWN, {"seen": seen, "newest": newest}).all()
        for *shown, failed, of in rows:
            kind = Shown(*shown)
            before = self._failures.get(kind, (0, 0))
            self._failures[kind] = (before[0] + failed, before[1] + of)
        self.seen = flags, newest, votes

    def _take_votes(self, added: list[Cast]) -> bool:
        changed = False
        for vote in added:
            if vote.supersedes is not None:
                withdrawn = vote.winner == "withdrawn"
                why = "withdrawn by the rater" if withdrawn else "corrected by the rater"
                self._superseded[vote.supersedes] = why
                changed = True
        self._uncoded += [vote for vote in added if vote.winner != "withdrawn"]
        self.seen = *self.seen[:2], added[-1].seq
        if len(self._uncoded) >= _AT_ONCE:
            self._encode()
        return changed

    def _encode(self) -> None:
        if self._uncoded:
            columns = zip(Cast._fields, zip(*self._uncoded, strict=True), strict=True)
            self._coding.add(
                pd.DataFrame(
                    {
                        name: pd.Series(said, dtype=_KINDS.get(name, object))
                        for name, said in columns
                    }
                )
            )
            self._uncoded = []

    @property
    def failures(self) -> Failures:
        """How many responses failed, of those that were voted on up to the last look."""
        return dict(self._failures)

    def votes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the votes in force and those that do not count, with why in `set_aside`."""
        self._encode()
        frame = self._coding.frame()
        why = {**self._set_aside, **self._superseded}
        if not len(frame) or not why:
            return frame, frame.iloc[:0]
        out = np.isin(frame["seq"].to_numpy(), np.fromiter(why, dtype=np.int64))
        aside = frame[out]
        reasons: list[Any] = [why[seq] for seq in aside["seq"]]
        return frame[~out], aside.assign(set_aside=pd.Categorical(reasons))
