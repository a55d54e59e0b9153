"""Makes a new database: whole under its own name, or not at all.

SQLite makes a file empty and fills it later. A kill or a full disk in between would leave what
looks like a database whose votes are lost. So the tables are made under another name beside it, and
one rename gives the file its own once all of it is on the disk and SQLite has closed it. What a
killed making left is cleared by the next. Rows are not known here.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from arena.errors import StoreError
from arena.record.engines import writing_engine
from arena.record.migrations import upgrade

UNFINISHED: Final = ".unfinished"


def found(path: Path) -> None:
    """Make a database where there is none; the caller holds its lock.

    Raises
    ------
    StoreError
        If its log stands there without it, or the folder cannot be written.
    DatabaseError
        If SQLite cannot write.
    """
    place = path.resolve()  # a link to another place stays one
    log = _beside(place, "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path} is gone, but its log {log} is still there and may hold votes. Put the file "
            "back, or restore a backup of both, or delete the log to start a new database."
        )
    unfinished = _beside(place, UNFINISHED)
    try:
        _clear(unfinished)
        _make(unfinished, str(path))
        # One that lies there is of another file, and would undo this one.
        _beside(place, "-journal").unlink(missing_ok=True)
        unfinished.rename(place)
        _sync(place.parent)
    except BaseException as error:
        with suppress(OSError):
            _clear(unfinished)
        if isinstance(error, OSError):
            raise StoreError(
                f"{place.parent} cannot be written: {error.strerror}. Make room or choose another "
                "place with --db."
            ) from error
        raise


def _make(unfinished: Path, place: str) -> None:
    # Without a log of its own: one file, and on the disk when the transaction is.
    engine = writing_engine(unfinished, journal="DELETE")
    try:
        with engine.begin() as connection:
            upgrade(connection, place)
    finally:
        engine.dispose()


def _clear(unfinished: Path) -> None:
    for ending in ("", "-journal"):
        _beside(unfinished, ending).unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _sync(folder: Path) -> None:
    """Put the names in a folder on the disk, where its file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
