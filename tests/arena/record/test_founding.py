"""A new database is there whole or not at all, whenever the process that makes it ends."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.record.database import Database
from arena.record.founding import UNFINISHED

MAKE = """
import os, signal, sys
from pathlib import Path
from alembic import command
from arena.errors import StoreError
from arena.record.database import Database

def dying(object, name, *, first):
    real = getattr(object, name)
    def then_dead(*values, **named):
        done = real(*values, **named) if first else None
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(object, name, then_dead)

path, moment = Path(sys.argv[1]), sys.argv[2]
if moment == "before the tables": dying(command, "upgrade", first=False)
if moment == "amid the tables": dying(command, "upgrade", first=True)
if moment == "before the rename": dying(Path, "rename", first=False)
if moment == "after the rename": dying(Path, "rename", first=True)
if moment == "on a full disk":
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    Database(path).close()
except StoreError as error:
    print(error)
    sys.exit(3)
"""


def making(path: Path, moment: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", MAKE, str(path), moment], stdout=subprocess.PIPE, text=True
    )


def names(path: Path) -> set[str]:
    return {found.name.removeprefix(path.name) for found in path.parent.iterdir()}


def check_whole(path: Path) -> None:
    """Open a database as its owner does, and check that it is like any other."""
    Database(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM vote_in_force").fetchall() == [(0,)]
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


@pytest.mark.parametrize(
    "moment",
    ["before the tables", "amid the tables", "before the rename", "after the rename"],
)
def test_a_kill_while_it_is_made_costs_nothing_but_another_start(
    tmp_path: Path, moment: str
) -> None:
    path = tmp_path / "new.db"
    with making(path, moment) as killed:
        killed.communicate()
    assert killed.returncode == -9
    assert path.exists() == (moment == "after the rename")
    check_whole(path)
    assert names(path) == {"", ".lock"}


def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with making(path, "on a full disk") as full:
        said, _ = full.communicate()
    assert (full.returncode, f"{path} cannot be opened" in said) == (3, True)
    assert names(path) == {".lock"}
    check_whole(path)


def test_of_two_that_start_at_once_one_makes_it_and_the_other_is_refused_or_comes_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new.db"
    both = [making(path), making(path)]
    ended = [(one.communicate()[0], one.returncode) for one in both]
    assert all(status == 0 or "is in use by process" in said for said, status in ended)
    assert 0 in {status for _, status in ended}
    check_whole(path)


def test_a_file_of_that_name_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    path.with_name(f"new.db{UNFINISHED}").write_bytes(b"half a database")
    path.with_name(f"new.db{UNFINISHED}-journal").write_bytes(b"half a journal")
    check_whole(path)
    assert names(path) == {"", ".lock"}


def test_a_journal_of_a_deleted_file_does_not_undo_the_new_one(tmp_path: Path) -> None:
    path, journal = tmp_path / "new.db", tmp_path / "new.db-journal"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE old AS SELECT zeroblob(200000) AS said")
        connection.execute("PRAGMA cache_size = 1")  # so that changes reach the file at once
        connection.execute("BEGIN")
        connection.execute("UPDATE old SET said = randomblob(200000)")
        left = journal.read_bytes()
    path.unlink()
    journal.write_bytes(left)
    check_whole(path)


def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path) -> None:
    path, log = tmp_path / "arena.db", tmp_path / "arena.db-wal"
    log.write_bytes(b"votes")
    with pytest.raises(StoreError, match=r"is gone, but its log .* may hold votes"):
        Database(path)
    assert (log.read_bytes(), path.exists()) == (b"votes", False)
    log.unlink()
    check_whole(path)


def test_a_link_to_another_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    path = tmp_path / "arena.db"
    path.symlink_to(tmp_path / "disk" / "votes.db")
    check_whole(path)
    assert path.is_symlink()
    assert (tmp_path / "disk" / "votes.db").stat().st_size > 0


def test_signs_of_an_address_are_letters_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "100%?new#.db"
    check_whole(path)
    assert names(path) == {"", ".lock"}
