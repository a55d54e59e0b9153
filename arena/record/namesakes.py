"""Which models of the record share a name, and how many votes are counted for each.

A name is one model to whoever reads the log; the record keeps apart what changed under it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlmodel import col, select

from arena.record.tables import ModelRow

_VOTES: Final = """
SELECT model.id, count(*) FROM vote_in_force AS vote
JOIN battle ON battle.id = vote.battle_id
JOIN item ON item.id = battle.item_id
JOIN model ON model.id IN (item.model_x, item.model_y)
GROUP BY model.id
"""


@dataclass(frozen=True)
class Namesake:
    """Another model of a name, as it was described, and its votes in force."""

    name: str
    spec: Mapping[str, Any]
    votes: int


def read_namesakes(connection: Connection, models: Mapping[str, int]) -> list[Namesake]:
    """Return the others of these models' names that have votes, in the order they came in."""
    others = connection.execute(
        select(col(ModelRow.id), col(ModelRow.name), col(ModelRow.spec))
        .where(col(ModelRow.name).in_(list(models)), col(ModelRow.id).not_in(models.values()))
        .order_by(col(ModelRow.id))
    ).all()
    if not others:  # a million votes take seconds to count
        return []
    votes = {number: count for number, count in connection.execute(text(_VOTES))}  # noqa: C416 -- rows
    return [Namesake(name, spec, votes[id_]) for id_, name, spec in others if id_ in votes]
