"""Opening a database: durable, for one server, and never over something damaged."""

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import OperationalError

from arena.errors import ConfigError, StoreConflict, StoreError
from arena.record import database as module
from arena.record.database import Database, database_path
from arena.record.engines import reading_engine
from arena.record.store import Store
from arena.record.tables import metadata
from arena.votelog import load_votes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "deep" / "arena.db"
    Database(made).close()
    return made


def test_writing_is_durable_and_reading_cannot_write(path: Path) -> None:
    database = Database(path)
    with database.writing.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        ]
    with database.reading.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
    database.close()
    assert pragmas == ["wal", 2, 1, 1]


def test_the_steps_lead_to_the_tables_that_the_code_declares(path: Path) -> None:
    with reading_engine(path).connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        assert compare_metadata(context, metadata) == []


def test_a_file_that_another_program_holds_is_told_as_such(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.record.engines.BUSY_MS", 50)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreConflict, match="is held by another program") as refusal:
            Database(path)
    assert "folder" not in str(refusal.value)
    Database(path).close()


def test_a_second_server_is_refused_and_told_who_holds_it(path: Path) -> None:
    first = Database(path)
    script = (
        "import sys; from pathlib import Path; from arena.record.database import Database; "
        "from arena.errors import StoreConflict\n"
        "try: Database(Path(sys.argv[1]))\n"
        "except StoreConflict as error: print(error, error.exit_status)"
    )
    second = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    first.close()
    assert (
        f"in use by process {os.getpid()}: another Evenhand server, or a command" in second.stdout
    )
    assert second.stdout.strip().endswith("2")
    Database(path).close()


def test_a_second_server_is_refused_by_whatever_name(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    first = Database(link)
    with pytest.raises(StoreConflict, match=f"in use by process {os.getpid()}"):
        Database(path)
    first.close()
    Database(path).close()


def test_a_link_that_is_turned_meanwhile_leads_no_reader_to_another_file(
    path: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    opened = Database(link)
    link.unlink()
    link.symlink_to(tmp_path / "other.db")
    with opened.reading.connect() as connection:
        (_, _, file) = connection.exec_driver_sql("PRAGMA database_list").one()
    opened.close()
    assert file == str(path)


def test_a_file_with_two_names_is_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.hardlink_to(path)
    for name in (path, other):
        with pytest.raises(ConfigError, match=f"{name} has another name"):
            Database(name)
    other.unlink()
    Database(path).close()


def test_a_file_that_may_only_be_read_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite opens it all the same: the page would come up, and no battle begin."""
    Database(path).close()
    monkeypatch.setattr("os.access", lambda _, mode: mode != os.W_OK)  # root may write all
    with pytest.raises(StoreError, match=r"may be read and not written"):
        Database(path)


def test_a_file_that_is_mounted_without_its_folder_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    line = "41 25 254:1 /votes.db {} rw,relatime - ext4 /dev/vda1 rw\n"
    monkeypatch.setattr(module, "MOUNTS", mounts)
    mounts.write_text(line.format(path.parent), encoding="utf-8")
    Database(path).close()
    mounts.write_text(line.format(path), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is mounted without its folder.*Mount the folder"):
        Database(path)
    spaced = path.with_name("a lab.db")
    spaced.touch()  # made only to be mounted: to delete it would help nobody
    mounts.write_text(line.format(str(spaced).replace(" ", r"\040")), encoding="utf-8")
    with pytest.raises(ConfigError, match="is mounted without its folder"):
        Database(spaced)


async def test_a_log_that_is_deleted_behind_a_link_stops_the_writing_too(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "arena.db")
    store = Store(tmp_path / "link.db")
    await store.know_rater("ada")
    (tmp_path / "arena.db-wal").unlink()
    with pytest.raises(StoreError, match="deleted or replaced"):
        await store.know_rater("eve")
    store.close()


def test_a_lock_of_a_dead_server_does_not_hold(path: Path) -> None:
    path.with_name("arena.db.lock").write_text("99999999")
    Database(path).close()


def test_an_emptied_file_is_not_taken_for_a_new_one(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="is empty"):
        Database(path)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database, but long enough to be read as one\n" * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no Evenhand database"):
        Database(path)
    assert path.read_bytes() == before


def test_a_damaged_page_is_found_at_the_start(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreError, match="damaged"):
        Database(path)


def test_a_database_of_a_newer_evenhand_is_not_opened(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer Evenhand"):
        Database(path)


def test_a_failed_start_gives_the_lock_back(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(StoreError, match="newer Evenhand") as refusal:
            Database(path)
        assert not isinstance(refusal.value, StoreConflict)


def look_from_outside(path: Path) -> str:
    """Read the database in another process, as a researcher does, and go."""
    script = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1]); "
        "print(connection.execute('SELECT count(*) FROM rater').fetchone()[0]); connection.close()"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def test_a_board_made_by_the_server_lets_go_of_no_lock(tmp_path: Path) -> None:
    store = Store(tmp_path / "arena.db")
    await store.know_rater("ada")
    load_votes(store.path)
    assert look_from_outside(store.path) == "1"
    await store.know_rater("eve")
    assert look_from_outside(store.path) == "2"
    store.close()


async def test_a_deleted_log_stops_the_writing(tmp_path: Path) -> None:
    store = Store(tmp_path / "arena.db")
    await store.know_rater("ada")
    (tmp_path / "arena.db-wal").unlink()
    with pytest.raises(StoreError, match="deleted or replaced"):
        await store.know_rater("eve")
    store.close()


def test_a_place_that_cannot_be_written_is_told() -> None:
    with pytest.raises(StoreError, match="Choose another place with --db"):
        Database(Path("/proc/arena.db"))


def test_a_lock_that_cannot_be_written_is_told_and_not_its_folder(tmp_path: Path) -> None:
    (tmp_path / "arena.db.lock").mkdir()  # as that of another user cannot
    with pytest.raises(StoreError, match=r"arena\.db\.lock cannot be written"):
        Database(tmp_path / "arena.db")


def test_a_folder_that_knows_no_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuses)
    with pytest.raises(StoreError, match=r"arena\.db\.lock cannot be locked .* network folders"):
        Database(tmp_path / "arena.db")


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ("database or disk is full", "there is room, or name another file"),
        ("attempt to write a readonly database", "it and its folder can be written"),
    ],
)
def test_what_the_system_refuses_is_told_with_the_way_out(said: str, way_out: str) -> None:
    refusal = OperationalError("", None, sqlite3.OperationalError(said))
    with pytest.raises(StoreError, match=way_out), module._told(Path("arena.db")):  # noqa: SLF001
        raise refusal


def test_places_are_paths_or_sqlite_urls() -> None:
    assert database_path("sqlite:///votes.db") == Path("votes.db")
    assert database_path("votes.db") == Path("votes.db")
    with pytest.raises(ConfigError, match="postgresql"):
        database_path("postgresql://somewhere/votes")


def test_reading_a_missing_database_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="arena demo --db"):
        reading_engine(tmp_path / "none.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        Database(tmp_path)
    said = f"{tmp_path} is a folder. Name a file, such as {tmp_path / 'arena.db'}."
    assert str(refusal.value) == said
    assert not tmp_path.with_name(f"{tmp_path.name}.lock").exists()


def test_a_device_or_a_circle_of_links_is_no_database(tmp_path: Path) -> None:
    circle = tmp_path / "circle.db"
    circle.symlink_to(circle)
    for path, said in ((Path("/dev/null"), "is a device"), (circle, "leads to itself")):
        with pytest.raises(ConfigError, match=f"{path} .*{said}.* Name a file"):
            Database(path)
    assert circle.is_symlink()
