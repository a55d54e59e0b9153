"""Opens a database so that an acknowledged vote survives a power cut, and only for one server.

One connection writes and checkpoints, all others may only read; that keeps even the SQLite releases
with the WAL-reset bug (3.7.0 to 3.51.2) outside its condition. How they connect is known by
`engines`, how a new database comes to be by `founding`. This file knows locks and damage, and no
rows.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from arena.errors import ConfigError, StoreConflict, StoreError
from arena.record.engines import reading_engine, writing_engine
from arena.record.founding import found
from arena.record.migrations import upgrade

SQLITE_PREFIX: Final = "sqlite:///"
READERS: Final = 8  # connections that are kept for pages
ROOM: Final = 2**20  # bytes on the disk: with less, writes fail sooner or later
MOUNTS: Final = Path("/proc/self/mountinfo")  # of Linux; the fifth word of a line is a place


def database_path(place: str | Path) -> Path:
    """Return the file that a path or a `sqlite:///` URL names.

    Raises
    ------
    ConfigError
        If it is a URL of another kind of database.
    """
    written = str(place)
    if written.startswith(SQLITE_PREFIX):
        return Path(written.removeprefix(SQLITE_PREFIX))
    if "://" in written:
        kind = written.split("://", 1)[0]
        raise ConfigError(
            f"Databases of kind {kind!r} are not supported yet. "
            "Name a SQLite file, for example arena.db."
        )
    return Path(written)


class Database:
    """One SQLite file, locked for this process, checked, and at today's schema.

    Raises
    ------
    ConfigError
        If it is no file, has several names, or is mounted without its folder.
    StoreError
        If another server holds it, if it is damaged or empty, may only be read, or if a newer
        Evenhand wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = place_of(path)
        check_file(path, self._place)
        check_may_write(path, self._place)
        with ExitStack() as held:
            held.enter_context(_lock(self._place, path))
            with _told(path):
                if not path.exists():
                    found(path)
                self.writing = writing_engine(self._place)
                held.callback(self.writing.dispose)
                self._check_and_upgrade()
            self._files = _files(self._place)
            self.reading = reading_engine(self._place, kept=READERS)
            held.callback(self.reading.dispose)
            self._held = held.pop_all()

    def check_place(self) -> None:
        """Make sure that the database and its log are still where they were opened.

        Writing to a file that was deleted or replaced succeeds, and everything written is lost.

        Raises
        ------
        StoreError
            If one of the two is gone or is another file.
        """
        if _files(self._place) != self._files:
            raise StoreError(
                f"{self.path} or its log {self.path.name}-wal was deleted or replaced while the "
                "server was running. Voting has stopped; put the file back and restart the server."
            )

    def disk_is_full(self) -> bool:
        """Tell whether there is no room for what comes next, as far as the disk says."""
        disk = os.statvfs(self._place)
        return disk.f_blocks > 0 and disk.f_bavail * disk.f_frsize < ROOM

    def close(self) -> None:
        """Close every connection and give up the lock."""
        self._held.close()

    def _check_and_upgrade(self) -> None:
        with self.writing.begin() as connection:
            verdict = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
            if verdict != "ok":
                raise StoreError(f"{self.path} is damaged ({verdict}). Restore a backup.")
            upgrade(connection, str(self.path))


def place_of(path: Path) -> Path:
    """Return the file itself: SQLite puts the log beside it, and not beside a link.

    Raises
    ------
    ConfigError
        If it is a link that leads to itself.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigError(f"{path} is a link that leads to itself. Name a file.") from None
    return path.resolve()


def check_file(path: Path, place: Path) -> None:
    """Refuse what is no file, what lost its votes, and what two servers could open at one time.

    Raises
    ------
    ConfigError, StoreError
        If it is so; `place` is where the path leads to.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder. Name a file, such as {path / 'arena.db'}.")
    if not path.exists():
        return
    if not path.is_file():
        raise ConfigError(f"{path} is a device. Name a file, such as arena.db.")
    if _is_mounted(place):
        raise ConfigError(
            f"{path} is mounted without its folder, and its log and lock would lie elsewhere: "
            "votes could be lost with a container, or overwritten by a second server. Mount the "
            "folder instead."
        )
    if path.stat().st_size == 0:
        raise StoreError(
            f"{path} is empty, so whatever it held is lost. Restore a backup, or delete the "
            "file to start a new database."
        )
    if path.stat().st_nlink > 1:
        raise ConfigError(
            f"{path} has another name (a hard link). Lock and log lie beside the name that is "
            "used, so two servers could overwrite each other's votes. Delete the other name "
            "(`find -samefile` finds it), or make it a copy or a symbolic link."
        )


def check_may_write(path: Path, place: Path) -> None:
    """Refuse a file that may only be read: SQLite opens it all the same, and no battle begins.

    Raises
    ------
    StoreError
        If it is so; `place` is where the path leads to.
    """
    if place.exists() and not os.access(place, os.W_OK):
        raise StoreError(
            f"{path} may be read and not written by this user, so no vote could be saved. Give the "
            "file to whoever runs the arena, or name another database with --db."
        )


def _is_mounted(place: Path) -> bool:
    """Tell whether a file is a mount of its own, as far as the system says."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    written = str(place).replace("\\", r"\134").replace(" ", r"\040")
    return any(line.split(" ")[4:5] == [written] for line in mounts.splitlines())


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in our words why SQLite cannot open a database."""
    try:
        yield
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.OperationalError):
            if "locked" in str(error.orig):
                raise StoreConflict(
                    f"{path} is held by another program ({error.orig}), such as one that edits "
                    "it or copies it. Close that one or let it end, or name another database "
                    "with --db."
                ) from error
            can = "it and its folder can be written, and its -wal and -shm if they lie there"
            if "full" in str(error.orig):
                can = "there is room"
            raise StoreError(
                f"{path} cannot be opened ({error.orig}). Make sure that {can}, or name another "
                "file with --db."
            ) from error
        raise StoreError(
            f"{path} is damaged or is no Evenhand database ({error.orig}). "
            "Restore a backup, or name another file with --db."
        ) from error


def _files(path: Path) -> tuple[int, ...]:
    """Return which files the database and its log are; looked at before every batch."""
    try:
        return tuple(os.stat(f"{path}{ending}").st_ino for ending in ("", "-wal"))  # noqa: PTH116 - microseconds count
    except FileNotFoundError:
        return ()


def _lock(place: Path, path: Path) -> IO[str]:
    """Hold `<db>.lock` for as long as the process lives; the system frees it after a kill.

    It lies beside the file itself, so that it is the same by whatever name the file is opened.
    """
    lock = _opened_lock(place)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StoreConflict(
            f"{path} is in use by process {holder}: another Evenhand server, or a command that "
            "writes to it. Stop that one or let it end, or name another database with --db."
        ) from None
    except OSError as error:
        lock.close()
        raise StoreError(
            f"{lock.name} cannot be locked ({error.strerror}), as in some network folders, so two "
            f"servers could write {path} at one time. Choose a place on a disk of this machine "
            "with --db."
        ) from error
    lock.seek(0)
    lock.truncate()
    with suppress(OSError):  # a full disk: the lock holds, and whoever is refused reads "unknown"
        os.write(lock.fileno(), str(os.getpid()).encode())
    return lock


def _opened_lock(place: Path) -> IO[str]:
    lock = place.with_name(place.name + ".lock")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        return lock.open("a+", encoding="utf-8")
    except OSError as error:
        refused = lock if lock.exists() else place.parent  # that of another user, root for one
        raise StoreError(
            f"{refused} cannot be written: {error.strerror}. Choose another place with --db, or "
            "make sure that you may write there."
        ) from error
