"""How one row is added whose number is asked for, and a response wherever it was made.

Runs on a connection that `arena.record.store` hands over. What rows are for is not known here.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from arena.record.tables import ResponseRow


def insert_row(connection: Connection, table: Any, values: Mapping[str, Any]) -> int:  # noqa: ANN401 - a row class
    """Return the number of a new row."""
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    return int(key[0]) if key else 0


def insert_response(connection: Connection, values: Mapping[str, Any], now: int) -> int:
    """Return the number of a new response, given by its columns."""
    # PostgreSQL refuses this character, and no screen shows it.
    text = values["text"].replace("\0", "\ufffd")
    return insert_row(connection, ResponseRow, {**values, "text": text, "created_at": now})
