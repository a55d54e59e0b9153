"""Connections to a database file: one that writes so that a power cut loses nothing, and readers.

SQLite in WAL with `synchronous=FULL`: at the default setting the last vote can be lost when the
power goes. This file knows pragmas, and neither rows nor who may open what.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from arena.errors import StoreError
from arena.record.sqlite_file import check_log, lies_still

BUSY_MS: Final = 5_000  # how long a statement waits for a lock before it fails


def reading_engine(path: Path, *, kept: int = 0) -> Engine:
    """Return an engine whose connections can only read; so many are kept for who reads next.

    Where none is kept, each is closed by whoever reads, and the engine needs no end.

    Raises
    ------
    StoreError
        If there is no such file, or its newest votes cannot be read where it lies.
    """
    if not path.is_file():
        raise StoreError(f"There is no database {path}. Start one with `arena demo --db {path}`.")
    check_log(path)
    pool = {"pool_size": kept, "max_overflow": 3 * kept} if kept else {"poolclass": NullPool}
    address = _address_of_still(path) if lies_still(path) else _address(path)
    engine = create_engine(address, **pool)

    @event.listens_for(engine, "connect")
    def _only_read(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        _set_pragmas(connection, {"busy_timeout": BUSY_MS, "query_only": 1})

    return engine


def writing_engine(path: Path, *, journal: str = "WAL") -> Engine:
    """Return an engine with one connection that writes durably."""
    engine = create_engine(_address(path), pool_size=1, max_overflow=0)

    @event.listens_for(engine, "connect")
    def _durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver would begin transactions late, and a late one that has read cannot wait.
        connection.isolation_level = None
        _set_pragmas(
            connection,
            {
                "journal_mode": journal,
                "synchronous": "FULL",
                "foreign_keys": 1,
                "busy_timeout": BUSY_MS,
                "recursive_triggers": 1,  # or INSERT OR REPLACE goes round the delete triggers
            },
        )

    @event.listens_for(engine, "begin")
    def _at_once(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _address(path: Path) -> URL:
    """Return the address of a file, whatever signs its name holds."""
    return URL.create("sqlite", database=str(path))


def _address_of_still(path: Path) -> URL:
    """Return the address of a file that does not change: SQLite reads it and makes nothing."""
    still = {"immutable": "1", "uri": "true"}
    return URL.create("sqlite", database=path.resolve().as_uri(), query=still)


def _set_pragmas(connection: DBAPIConnection, pragmas: dict[str, Any]) -> None:
    cursor = connection.cursor()
    for name, value in pragmas.items():
        cursor.execute(f"PRAGMA {name}={value}")
    cursor.close()
