"""How responses made ahead come to be rows: a study, and what each model said to each question.

Runs on a connection that `arena.record.store` hands over. Who is asked what is not known here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert
from sqlmodel import col, select

from arena.record.inserting import insert_response, insert_row
from arena.record.tables import ModelRow, StudyResponseRow, StudyRow


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
    return found or insert_row(
        connection, StudyRow, {"name": name, "plan": plan, "created_at": now}
    )


def enter_response(connection: Connection, made: MadeResponse, now: int) -> None:
    """Enter a response and what it was made for, both or neither."""
    values = asdict(made)
    key, checkpoint = values.pop("key"), values.pop("checkpoint")
    number = insert_response(connection, {**values, "model_id": made.key.model_id}, now)
    row = {**key, "checkpoint": checkpoint, "response_id": number}
    connection.execute(insert(StudyResponseRow).values(row))


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
