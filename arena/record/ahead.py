"""How responses made ahead come to be rows: a study, and what each model said to each question.

Runs on a connection that `arena.record.store` hands over. Who is asked what is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert
from sqlmodel import col, select

from arena.record.tables import ModelRow, ResponseRow, StudyResponseRow, StudyRow


@dataclass(frozen=True)
class Key:
    """What makes a response the one that is wanted: the same key is made once."""

    study_id: int
    question_id: int
    language: str
    model_id: int
    seed: int


@dataclass(frozen=True)
class MadeResponse:
    """A response about to be stored; `seed` is the one it was drawn with."""

    key: Key
    checkpoint: str
    text: str
    finish_reason: str
    tokens: int
    seconds: float
    first_token_seconds: float
    seed: int


@dataclass(frozen=True)
class Maker:
    """A model that made responses for a study: as it was described, and the hash of its weights."""

    model_id: int
    name: str
    spec: Mapping[str, Any]
    checkpoint: str


def enter_study(connection: Connection, name: str, plan: str, now: int) -> int:
    """Return the number of a study, entering it if it is new."""
    found = connection.execute(select(col(StudyRow.id)).where(col(StudyRow.name) == name)).scalar()
    return found or _insert(connection, StudyRow, {"name": name, "plan": plan, "created_at": now})


def enter_response(connection: Connection, made: MadeResponse, now: int) -> None:
    """Enter a response and what it was made for, both or neither."""
    key = made.key
    number = _insert(
        connection,
        ResponseRow,
        {
            "model_id": key.model_id,
            # PostgreSQL refuses this character, and no screen shows it.
            "text": made.text.replace("\0", "\ufffd"),
            "finish_reason": made.finish_reason,
            "tokens": made.tokens,
            "seconds": made.seconds,
            "first_token_seconds": made.first_token_seconds,
            "seed": made.seed,
            "created_at": now,
        },
    )
    connection.execute(
        insert(StudyResponseRow).values(
            study_id=key.study_id,
            question_id=key.question_id,
            language=key.language,
            model_id=key.model_id,
            seed=key.seed,
            checkpoint=made.checkpoint,
            response_id=number,
        )
    )


def read_keys(connection: Connection, study_id: int) -> set[Key]:
    """Return what is stored for a study."""
    columns = (
        StudyResponseRow.study_id,
        StudyResponseRow.question_id,
        StudyResponseRow.language,
        StudyResponseRow.model_id,
        StudyResponseRow.seed,
    )
    rows = connection.execute(
        select(*(col(column) for column in columns)).where(
            col(StudyResponseRow.study_id) == study_id
        )
    )
    return {Key(**row._asdict()) for row in rows}


def read_makers(connection: Connection, study_id: int) -> list[Maker]:
    """Return the models that made what is stored for a study."""
    made = (
        select(col(StudyResponseRow.model_id), col(StudyResponseRow.checkpoint))
        .where(col(StudyResponseRow.study_id) == study_id)
        .distinct()
        .subquery()
    )
    rows = connection.execute(
        select(col(ModelRow.id), col(ModelRow.name), col(ModelRow.spec), made.c.checkpoint)
        .join(made, made.c.model_id == col(ModelRow.id))
        .order_by(col(ModelRow.id))
    )
    return [Maker(*row) for row in rows]


def _insert(connection: Connection, table: Any, values: dict[str, Any]) -> int:  # noqa: ANN401 - a row class
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    return int(key[0]) if key else 0
