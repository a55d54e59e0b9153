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
    """Tell whether nobody has a database open, in a folder where nobody like us can write.

    SQLite makes files of its own beside one that it reads, unless it is told that it lies still.
    """
    file = path.resolve()
    return not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


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
