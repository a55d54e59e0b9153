"""Tells whether a file is a SQLite database, and a sound one, without losing anybody's locks.

Only SQLite may open the file of a database that a server in this process uses. Closing any other
handle on it drops every lock that the process holds on it; the next program that reads the
database then takes itself for the last one, and deletes the log that holds the newest votes.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from arena.errors import StoreError

VERSION: Final = sqlite3.sqlite_version_info


def is_sqlite(path: Path) -> bool:
    """Return whether SQLite takes a file for a database."""
    # For writing, though nothing is written: what a kill left in the log must be taken in first.
    how = "immutable=1" if lies_still(path) else "mode=rw"
    address = f"{path.absolute().as_uri()}?{how}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error:
        return False
    return path.stat().st_size > 0


def lies_still(path: Path) -> bool:
    """Tell whether nobody has a database open, where nobody like us can write it or beside it.

    SQLite makes files of its own beside one that it reads, unless it is told that it lies still.
    Who cannot write the database leaves them there, and its owner's server cannot write those.
    """
    kept = _is_read_only(path) or (path.exists() and not os.access(path.resolve(), os.W_OK))
    return kept and not _beside(path, "-wal").exists()


def check_log(path: Path) -> None:
    """Refuse a database whose newest votes SQLite could only read if it may write beside them.

    Raises
    ------
    StoreError
        If a killed server has left them in its log, and that was copied where nobody can write.
    """
    log = _beside(path, "-wal")
    if _is_read_only(path) and log.exists() and not _beside(path, "-shm").exists():
        raise StoreError(
            f"The newest votes of {path} are in {log.name} beside it, and SQLite reads that only "
            "in a folder that can be written. Copy both files to such a folder, and name the copy."
        )


def _is_read_only(path: Path) -> bool:
    return not os.access(path.resolve().parent, os.W_OK)


def _beside(path: Path, ending: str) -> Path:
    """Return a file of SQLite's own, which lies where the database lies."""
    file = path.resolve()
    return file.with_name(f"{file.name}{ending}")


def fault_of(path: Path) -> str | None:
    """Return the first thing that SQLite finds wrong with a database; None where it finds none."""
    how = "immutable=1" if lies_still(path) else "mode=ro"
    address = f"{path.absolute().as_uri()}?{how}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return None if verdict == "ok" else verdict
