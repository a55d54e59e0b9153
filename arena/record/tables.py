"""The rows: what is kept, one class a table.

Rows are declared here, written by `store` and read as a vote log by `logquery`; this file knows
neither. A `table=True` class checks nothing in Python, so what must hold stands here as constraints
of the database, and `arena.record.migrations` adds the triggers that keep votes append-only.

Times are whole microseconds since 1970 in UTC: never ambiguous, quick to read, the same on every
database. They say when; `vote.seq` says in which order, because clocks jump.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, MetaData, UniqueConstraint, text
from sqlalchemy.types import JSON
from sqlmodel import Field, SQLModel

from ratings.votes import Outcome

WITHDRAWN = "withdrawn"  # what a vote row says when it only takes an earlier one back

# Constraints need names: SQLite can only alter a table by copying it, and the copy names them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts upwards by itself only in a column declared INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")


class RaterKind(StrEnum):
    """Whose votes these are; the three are never mixed."""

    HUMAN = "human"
    SIMULATED = "simulated"
    MODEL = "model"


class EndingKind(StrEnum):
    """How a battle ended without a vote."""

    SKIPPED = "skipped"  # the rater passed on it
    VOID = "void"  # we failed; nobody may vote on it
    ABANDONED = "abandoned"  # nobody was there to read it


class FlagKind(StrEnum):
    """What a flag does to a vote."""

    NOTE = "note"  # nothing: a remark by a check
    SET_ASIDE = "set_aside"  # an admin leaves the vote out of the counts
    TAKEN_BACK = "taken_back"  # and counts it again


def _one_of(column: str, values: type[StrEnum] | tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Row(SQLModel):
    """What the tables share: one metadata with named constraints."""

    metadata = metadata


class ModelRow(Row, table=True):
    """A model: checkpoint, quantization and adapter under one name.

    `spec` is its roster entry, and a sample of its files.
    """

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("name", "fingerprint"),)
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    fingerprint: str
    quantization: str
    spec: dict[str, Any] = Field(sa_type=JSON)
    added_at: int = Field(sa_type=BigInteger)


class QuestionRow(Row, table=True):
    """An entry of a question bank as it was worded; another wording is another row."""

    __tablename__ = "question"
    __table_args__ = (UniqueConstraint("name", "sha256"),)
    id: int | None = Field(default=None, primary_key=True)
    name: str
    sha256: str
    aspect: str
    text: dict[str, str] = Field(sa_type=JSON)
    key: dict[str, str] = Field(sa_type=JSON)


class StudyRow(Row, table=True):
    """A study: its name, and the file that described it."""

    __tablename__ = "study"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    plan: str
    created_at: int = Field(sa_type=BigInteger)


class RaterRow(Row, table=True):
    """Somebody who votes."""

    __tablename__ = "rater"
    __table_args__ = (_one_of("kind", RaterKind),)
    id: str = Field(primary_key=True)
    kind: str
    created_at: int = Field(sa_type=BigInteger)


class ItemRow(Row, table=True):
    """What is compared: a prompt and two models, whichever seats they take later."""

    __tablename__ = "item"
    __table_args__ = (CheckConstraint("model_x <> model_y", name="two_models"),)
    id: str = Field(primary_key=True)
    study_id: int | None = Field(default=None, foreign_key="study.id")
    question_id: int | None = Field(default=None, foreign_key="question.id")
    model_x: int = Field(foreign_key="model.id")
    model_y: int = Field(foreign_key="model.id")
    language: str
    created_at: int = Field(sa_type=BigInteger)


class TurnRow(Row, table=True):
    """One prompt of an item; follow-ups count upwards from 0."""

    __tablename__ = "turn"
    item_id: str = Field(primary_key=True, foreign_key="item.id")
    number: int = Field(primary_key=True)
    prompt: str
    created_at: int = Field(sa_type=BigInteger)


class ResponseRow(Row, table=True):
    """What one model said in one turn, as it said it.

    A study's response belongs to many items, so it names the model and not the item.
    """

    __tablename__ = "response"
    id: int | None = Field(default=None, primary_key=True, sa_type=_Serial)
    model_id: int = Field(foreign_key="model.id")
    text: str
    finish_reason: str
    tokens: int
    seconds: float
    first_token_seconds: float
    seed: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class ItemResponseRow(Row, table=True):
    """Which response stands in which place of an item."""

    __tablename__ = "item_response"
    __table_args__ = (_one_of("place", ("x", "y")),)
    item_id: str = Field(primary_key=True, foreign_key="item.id")
    turn: int = Field(primary_key=True)
    place: str = Field(primary_key=True)
    response_id: int = Field(foreign_key="response.id", sa_type=_Serial)


class StudyResponseRow(Row, table=True):
    """A response made before the raters come, and what it was made for: once for each key.

    `seed` is the study's own, `checkpoint` the hash of the weights that made it, empty where we
    have none: models behind a server.
    """

    __tablename__ = "study_response"
    study_id: int = Field(primary_key=True, foreign_key="study.id")
    question_id: int = Field(primary_key=True, foreign_key="question.id")
    language: str = Field(primary_key=True)
    model_id: int = Field(primary_key=True, foreign_key="model.id")
    seed: int = Field(primary_key=True, sa_type=BigInteger)
    checkpoint: str
    response_id: int = Field(foreign_key="response.id", sa_type=_Serial)


class BattleRow(Row, table=True):
    """One showing of an item to one rater, seats drawn for that showing."""

    __tablename__ = "battle"
    __table_args__ = (Index("ix_battle_rater_opened", "rater_id", "opened_at"),)
    id: str = Field(primary_key=True)
    item_id: str = Field(foreign_key="item.id", index=True)
    rater_id: str = Field(foreign_key="rater.id")
    x_sits_at_a: bool
    reveals: bool
    display: str
    propensity: float
    opened_at: int = Field(sa_type=BigInteger)
    resident: int | None = None  # how many of the two models were in memory at the draw


class EndingRow(Row, table=True):
    """The end of a battle that got no vote; `cause` is for the log and may name models."""

    __tablename__ = "ending"
    __table_args__ = (_one_of("kind", EndingKind),)
    battle_id: str = Field(primary_key=True, foreign_key="battle.id")
    kind: str
    cause: str
    blames: int | None = Field(default=None, foreign_key="model.id")
    created_at: int = Field(sa_type=BigInteger)


class VoteRow(Row, table=True):
    """A rater's word on a battle; a correction or withdrawal is a new row that supersedes one."""

    __tablename__ = "vote"
    __table_args__ = (
        _one_of("outcome", (*Outcome, WITHDRAWN)),
        CheckConstraint(
            f"outcome <> '{WITHDRAWN}' OR supersedes IS NOT NULL", name="withdraws_something"
        ),
        Index(
            "ix_vote_first_on_battle",
            "battle_id",
            unique=True,
            sqlite_where=text("supersedes IS NULL"),
            postgresql_where=text("supersedes IS NULL"),
        ),
        {"sqlite_autoincrement": True},  # or the number of a lost last row would come again
    )
    seq: int | None = Field(default=None, primary_key=True, sa_type=_Serial)
    key: str = Field(unique=True)
    battle_id: str = Field(foreign_key="battle.id", index=True)
    rater_id: str = Field(foreign_key="rater.id", index=True)
    outcome: str
    supersedes: int | None = Field(
        default=None, foreign_key="vote.seq", unique=True, sa_type=_Serial
    )
    dwell_ms: int | None
    created_at: int = Field(sa_type=BigInteger)


class VoteFlagRow(Row, table=True):
    """A remark on a vote, or an admin's decision to leave it out or to count it again."""

    __tablename__ = "vote_flag"
    __table_args__ = (_one_of("kind", FlagKind), {"sqlite_autoincrement": True})
    id: int | None = Field(default=None, primary_key=True, sa_type=_Serial)
    vote_seq: int = Field(foreign_key="vote.seq", index=True, sa_type=_Serial)
    kind: str
    reason: str
    by: str
    created_at: int = Field(sa_type=BigInteger)
