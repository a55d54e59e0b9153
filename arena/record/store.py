"""The only writer: one function a sentence about people, battles and votes.

A write returns once it is on the disk. Every rule that two requests could break together is checked
here again, inside the transaction; what a rater may do and see is decided by `arena.battle`.
Rows are only ever added.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from arena.errors import StoreError, VoteNotSaved
from arena.questions import Question
from arena.record.ahead import (
    Key,
    MadeResponse,
    Maker,
    enter_response,
    enter_study,
    read_keys,
    read_makers,
)
from arena.record.casting import NewVote, append_vote, append_withdrawal
from arena.record.database import Database
from arena.record.entering import (
    NewBattle,
    NewEnding,
    NewItem,
    NewResponse,
    enter_battle,
    enter_ending,
    enter_follow_up,
    enter_model,
    enter_questions,
    enter_rater,
    enter_responses,
)
from arena.record.namesakes import Namesake, read_namesakes
from arena.record.showing import Showing, read_showing
from arena.record.tables import BattleRow, EndingKind, FlagKind, RaterKind, VoteFlagRow
from arena.record.writer import Job, Result, Writer
from ratings.votes import Outcome

NOT_SAVED: Final = "The vote was not saved"


# In the order of the rows, as clocks jump: a battle comes right before the first vote on it or on a
# later one. Only for a model must the clock say where it joined: after all that it calls earlier.
# It is not believed where the model, or one that came later, had played before that: then those
# that came in within a minute of each other joined right before the first battle of any of them.
_PAST: Final = """
WITH live AS (
  SELECT battle.rowid AS opened, max(battle.rowid) OVER (ORDER BY vote.seq) AS voted,
         battle.opened_at, item.model_x, item.model_y
  FROM vote_in_force AS vote
  JOIN battle ON battle.id = vote.battle_id
  JOIN item ON item.id = battle.item_id
  JOIN rater ON rater.id = vote.rater_id
  WHERE item.study_id IS NULL AND rater.kind = :kind
), played AS MATERIALIZED (
  SELECT max(model_x, model_y) AS newest, min(battle.rowid) AS first
  FROM battle JOIN item ON item.id = battle.item_id GROUP BY newest
), told AS (
  SELECT id, at AS added_at, 1 + max(opened) OVER (ORDER BY at, id IS NULL) AS at
  FROM (SELECT id, added_at AS at, 0 AS opened FROM model
        UNION ALL SELECT NULL, opened_at, opened FROM live)
), entered AS (
  SELECT id, at, (SELECT min(first) FROM played WHERE newest >= id) AS first,
         abs(added_at - lag(added_at, 1, added_at) OVER (ORDER BY id)) > 60000000 AS apart
  FROM told WHERE id IS NOT NULL
), started AS (
  SELECT id, at, first, sum(apart) OVER (ORDER BY id) AS start FROM entered
), joined AS (
  SELECT id, iif(at > first, min(first) OVER (PARTITION BY start), at) AS at FROM started
)
SELECT at, 'joined' AS what, id, id FROM joined
UNION ALL SELECT opened, 'opened', model_x, model_y FROM live
UNION ALL SELECT voted, 'voted', model_x, model_y FROM live
ORDER BY at, what
"""


def _now() -> int:
    return time.time_ns() // 1_000


class Store:
    """The database of one running server.

    Raises
    ------
    StoreError
        If the database cannot be opened (see `arena.record.database`).
    """

    def __init__(self, path: Path, now: Callable[[], int] = _now) -> None:
        self._database = Database(path)
        self._writer = Writer(self._database.writing, self._database.check_place)
        self._now = now

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def trouble(self) -> str | None:
        """Return why nothing can be saved at present, or None."""
        try:
            self._database.check_place()
        except StoreError as error:
            return str(error)
        if self._database.disk_is_full():
            return f"The disk of {self.path} is full. Make room; the server goes on by itself."
        return None if self._writer.alive else "The database is closed."

    def close(self) -> None:
        """Finish every queued write and close the file."""
        self._writer.close()
        self._database.close()

    async def _write(self, job: Job[Result]) -> Result:
        try:
            return await asyncio.wrap_future(self._writer.submit(job))
        except DBAPIError as error:
            raise StoreError(f"{self.path} could not be written: {error.orig}.") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} could not be written: {error}.") from error

    async def know_model(self, name: str, fingerprint: str, quantization: str, spec: Any) -> int:  # noqa: ANN401 - JSON
        """Return the number of a model, entering it when it is new."""
        model = {
            "name": name,
            "fingerprint": fingerprint,
            "quantization": quantization,
            "spec": spec,
        }
        return await self._write(lambda connection: enter_model(connection, model, self._now()))

    def namesakes(self, models: Mapping[str, int]) -> list[Namesake]:
        """Return the other models of these names; models are known by number."""
        with self._database.reading.connect() as connection:
            return read_namesakes(connection, models)

    async def know_questions(self, questions: Iterable[Question]) -> dict[str, int]:
        """Return the numbers of questions by their names, entering what is new."""
        return await self._write(lambda connection: enter_questions(connection, questions))

    async def know_rater(self, rater: str, kind: RaterKind = RaterKind.HUMAN) -> None:
        """Enter a rater unless it is known."""
        await self._write(lambda connection: enter_rater(connection, rater, kind, self._now()))

    async def open_battle(self, item: NewItem, battle: NewBattle) -> None:
        """Enter an item, its first prompt, and the battle that shows it."""
        await self._write(lambda connection: enter_battle(connection, item, battle, self._now()))

    async def add_turn(self, item_id: str, number: int, prompt: str) -> None:
        """Enter a follow-up prompt.

        Raises
        ------
        BattleNotReady
            If the battle was voted on or has ended meanwhile.
        """
        await self._write(
            lambda connection: enter_follow_up(connection, item_id, number, prompt, self._now())
        )

    async def save_responses(
        self, item_id: str, turn: int, responses: Iterable[NewResponse]
    ) -> None:
        """Store what both models said in a turn, both or neither."""
        await self._write(
            lambda connection: enter_responses(connection, item_id, turn, responses, self._now())
        )

    async def know_study(self, name: str, plan: str) -> int:
        """Return the number of a study, entering it with its file when it is new."""
        return await self._write(
            lambda connection: enter_study(connection, name, plan, self._now())
        )

    async def save_ahead(self, made: MadeResponse) -> None:
        """Store a response that was made ahead for a study."""
        await self._write(lambda connection: enter_response(connection, made, self._now()))

    def made_ahead(self, study_id: int) -> tuple[set[Key], list[Maker]]:
        """Return what is stored for a study, and the models that made it."""
        with self._database.reading.connect() as connection:
            return read_keys(connection, study_id), read_makers(connection, study_id)

    async def end_battle(
        self, battle_id: str, kind: EndingKind, cause: str = "", blames: int | None = None
    ) -> None:
        """Close a battle without a vote; `blames` is the model whose engine failed.

        Raises
        ------
        AlreadyVoted
            If it has a vote.
        """
        ending = NewEnding(battle_id, kind, cause, blames)
        await self._write(lambda connection: enter_ending(connection, ending, self._now()))

    async def vote(self, vote: NewVote, *, may_correct: bool = False) -> tuple[int, Outcome, bool]:
        """Append a vote; return its place in the log, the outcome in force, and if it is the first.

        The same press sent twice, or the outcome already in force, is answered as the first time.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        BattleNotReady
            If the battle is streaming, ended or withdrawn.
        AlreadyVoted
            If it has another outcome in force and may not be corrected.
        VoteNotSaved
            If the database failed.
        """
        return await self._cast(
            lambda connection: append_vote(connection, vote, self._now(), correct=may_correct)
        )

    async def withdraw(self, battle_id: str, rater: str, key: str) -> tuple[int, bool]:
        """Take the vote on a battle back by a new row; return its place, and if it is added now.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        BattleNotReady
            If it has no vote.
        AlreadyVoted
            If a vote was cast with this key.
        VoteNotSaved
            If the database failed.
        """
        return await self._cast(
            lambda connection: append_withdrawal(connection, battle_id, rater, key, self._now())
        )

    async def _cast(self, job: Job[Result]) -> Result:
        try:
            return await asyncio.wrap_future(self._writer.submit(job))
        except DBAPIError as error:
            raise VoteNotSaved(f"{NOT_SAVED}: {error.orig}.") from error
        except sqlite3.Error as error:
            raise VoteNotSaved(f"{NOT_SAVED}: {error}.") from error
        except StoreError as error:
            raise VoteNotSaved(f"{NOT_SAVED}: {error}") from error

    async def flag(self, vote_seq: int, kind: FlagKind, reason: str, by: str) -> None:
        """Note something on a vote, set it aside, or count it again."""
        values = {
            "vote_seq": vote_seq,
            "kind": kind.value,
            "reason": reason,
            "by": by,
            "created_at": self._now(),
        }
        await self._write(lambda connection: connection.execute(insert(VoteFlagRow).values(values)))

    def showing(self, battle_id: str) -> Showing | None:
        """Return everything that is stored about a battle, or None."""
        with self._database.reading.connect() as connection:
            return read_showing(connection, battle_id)

    def newest_battle(self, rater: str) -> str | None:
        """Return the battle a rater opened last, or None."""
        with self._database.reading.connect() as connection:
            return connection.execute(
                select(col(BattleRow.id))
                .where(col(BattleRow.rater_id) == rater)
                .order_by(text("battle.rowid DESC"))  # clocks jump
                .limit(1)
            ).scalar()

    def votes_by(self, rater: str) -> int:
        """Count a rater's votes in force."""
        with self._database.reading.connect() as connection:
            found = connection.execute(
                text("SELECT count(*) FROM vote_in_force WHERE rater_id = :rater"),
                {"rater": rater},
            )
            return int(found.scalar_one())

    def past(self, kind: RaterKind) -> list[tuple[str, int, int]]:
        """Return what happened to models, oldest first, for each item's x and y.

        A model `joined` the record (it stands in both places), two were `opened` a live battle that
        one kind of rater has given a vote that is in force, and that was `voted` on.
        """
        with self._database.reading.connect() as connection:
            found = connection.execute(text(_PAST), {"kind": kind.value})
            return [(what, x, y) for _, what, x, y in found]
