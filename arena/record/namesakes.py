"""Which models of the record share a name.

A name is one model to whoever reads the log; the record keeps apart what changed under it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlmodel import col, select

from arena.record.tables import ModelRow


@dataclass(frozen=True)
class Namesake:
    """Another model of a name, by its number, as it was described."""

    number: int
    name: str
    spec: Mapping[str, Any]


def read_namesakes(connection: Connection, models: Mapping[str, int]) -> list[Namesake]:
    """Return the others of these models' names, in the order they came in."""
    others = connection.execute(
        select(col(ModelRow.id), col(ModelRow.name), col(ModelRow.spec))
        .where(col(ModelRow.name).in_(list(models)), col(ModelRow.id).not_in(models.values()))
        .order_by(col(ModelRow.id))
    )
    return [Namesake(number, name, spec) for number, name, spec in others]
