"""The only writer: one function a sentence about people, battles and votes.

A write returns once it is on the disk. Every rule that two requests could break together is checked
here again, inside the transaction; what a rater may do and see is decided by `arena.battles`.
Rows are only ever added.
"""

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from arena.ahead import (
    Key,
    MadeResponse,
    Maker,
    enter_response,
    enter_study,
    read_keys,
    read_makers,
)
from arena.casting import NewVote, append_vote, append_withdrawal, has_vote
from arena.database import Database
from arena.errors import AlreadyVoted, StoreError, VoteNotSaved
from arena.questions import Question
from arena.showing import Showing, read_showing
from arena.tables import (
    BattleRow,
    EndingKind,
    EndingRow,
    FlagKind,
    ItemResponseRow,
    ItemRow,
    ModelRow,
    QuestionRow,
    RaterKind,
    RaterRow,
    ResponseRow,
    TurnRow,
    VoteFlagRow,
    VoteRow,
)
from arena.writer import Job, Result, Writer
from ratings.votes import Outcome

NOT_SAVED: Final = "The vote was not saved"


@dataclass(frozen=True)
class NewItem:
    """An item about to be shown: the models by their numbers in the table `model`."""

    id: str
    model_x: int
    model_y: int
    prompt: str
    language: str
    question_id: int | None = None
    study_id: int | None = None


@dataclass(frozen=True)
class NewBattle:
    """A battle about to be opened, its seats drawn."""

    id: str
    item_id: str
    rater: str
    x_sits_at_a: bool
    reveals: bool
    display: str
    propensity: float


@dataclass(frozen=True)
class NewResponse:
    """A response about to be stored, and the place (`x` or `y`) it takes in its item."""

    place: str
    model_id: int
    text: str
    finish_reason: str
    tokens: int
    seconds: float
    first_token_seconds: float
    seed: int


def _now() -> int:
    return time.time_ns() // 1_000


class Store:
    """The database of one running server.

    Raises
    ------
    StoreError
        If the database cannot be opened (see `arena.database`).
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

        def job(connection: Connection) -> int:
            found = connection.execute(
                select(col(ModelRow.id)).where(
                    col(ModelRow.name) == name, col(ModelRow.fingerprint) == fingerprint
                )
            ).scalar()
            if found is not None:
                return found
            values = {
                "name": name,
                "fingerprint": fingerprint,
                "quantization": quantization,
                "spec": spec,
                "added_at": self._now(),
            }
            return _insert(connection, ModelRow, values)

        return await self._write(job)

    async def know_questions(self, questions: Iterable[Question]) -> dict[str, int]:
        """Return the numbers of questions by their names, entering what is new."""

        def job(connection: Connection) -> dict[str, int]:
            known = {
                (name, sha256): number
                for number, name, sha256 in connection.execute(
                    select(col(QuestionRow.id), col(QuestionRow.name), col(QuestionRow.sha256))
                )
            }
            numbers: dict[str, int] = {}
            for question in questions:
                sha256 = _digest(question)
                number = known.get((question.id, sha256))
                if number is None:
                    values = {
                        "name": question.id,
                        "sha256": sha256,
                        "aspect": question.aspect,
                        "text": dict(question.text),
                        "key": dict(question.key),
                    }
                    number = _insert(connection, QuestionRow, values)
                numbers[question.id] = number
            return numbers

        return await self._write(job)

    async def know_rater(self, rater: str, kind: RaterKind = RaterKind.HUMAN) -> None:
        """Enter a rater unless it is known."""

        def job(connection: Connection) -> None:
            if (
                connection.execute(
                    select(col(RaterRow.id)).where(col(RaterRow.id) == rater)
                ).first()
                is None
            ):
                values = {"id": rater, "kind": kind.value, "created_at": self._now()}
                connection.execute(insert(RaterRow).values(values))

        await self._write(job)

    async def open_battle(self, item: NewItem, battle: NewBattle) -> None:
        """Enter an item, its first prompt, and the battle that shows it."""

        def job(connection: Connection) -> None:
            now = self._now()
            connection.execute(
                insert(ItemRow).values(
                    id=item.id,
                    study_id=item.study_id,
                    question_id=item.question_id,
                    model_x=item.model_x,
                    model_y=item.model_y,
                    language=item.language,
                    created_at=now,
                )
            )
            turn = {"item_id": item.id, "number": 0, "prompt": item.prompt, "created_at": now}
            connection.execute(insert(TurnRow).values(turn))
            connection.execute(
                insert(BattleRow).values(
                    id=battle.id,
                    item_id=battle.item_id,
                    rater_id=battle.rater,
                    x_sits_at_a=battle.x_sits_at_a,
                    reveals=battle.reveals,
                    display=battle.display,
                    propensity=battle.propensity,
                    opened_at=now,
                )
            )

        await self._write(job)

    async def add_turn(self, item_id: str, number: int, prompt: str) -> None:
        """Enter a follow-up prompt."""
        values = {
            "item_id": item_id,
            "number": number,
            "prompt": prompt,
            "created_at": self._now(),
        }
        await self._write(lambda connection: connection.execute(insert(TurnRow).values(values)))

    async def save_responses(
        self, item_id: str, turn: int, responses: Iterable[NewResponse]
    ) -> None:
        """Store what both models said in a turn, both or neither."""

        def job(connection: Connection) -> None:
            for response in responses:
                values = {
                    "model_id": response.model_id,
                    # PostgreSQL refuses this character, and no screen shows it.
                    "text": response.text.replace("\0", "\ufffd"),
                    "finish_reason": response.finish_reason,
                    "tokens": response.tokens,
                    "seconds": response.seconds,
                    "first_token_seconds": response.first_token_seconds,
                    "seed": response.seed,
                    "created_at": self._now(),
                }
                number = _insert(connection, ResponseRow, values)
                place = {
                    "item_id": item_id,
                    "turn": turn,
                    "place": response.place,
                    "response_id": number,
                }
                connection.execute(insert(ItemResponseRow).values(place))

        await self._write(job)

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

        def job(connection: Connection) -> None:
            if has_vote(connection, battle_id):
                raise AlreadyVoted(f"Battle {battle_id} has a vote.")
            if connection.execute(
                select(col(EndingRow.battle_id)).where(col(EndingRow.battle_id) == battle_id)
            ).first():
                return
            values = {
                "battle_id": battle_id,
                "kind": kind.value,
                "cause": cause.replace("\0", "\ufffd"),
                "blames": blames,
                "created_at": self._now(),
            }
            connection.execute(insert(EndingRow).values(values))

        await self._write(job)

    async def vote(self, vote: NewVote, *, may_correct: bool = False) -> tuple[int, Outcome]:
        """Append a vote and return its place in the log with the outcome in force.

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

    async def withdraw(self, battle_id: str, rater: str, key: str) -> int:
        """Take the vote on a battle back by a new row, and return that row's place in the log.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        BattleNotReady
            If it has no vote.
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
                .order_by(text("opened_at DESC"))
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

    def last_seq(self) -> int:
        """Return the place of the newest vote row in the log; 0 when there is none."""
        with self._database.reading.connect() as connection:
            return connection.execute(select(func.max(col(VoteRow.seq)))).scalar() or 0


def _insert(connection: Connection, table: Any, values: dict[str, Any]) -> int:  # noqa: ANN401 - a row class
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    return int(key[0]) if key else 0


def _digest(question: Question) -> str:
    wording = [question.aspect, dict(question.text), dict(question.key)]
    return hashlib.sha256(json.dumps(wording, sort_keys=True).encode()).hexdigest()
