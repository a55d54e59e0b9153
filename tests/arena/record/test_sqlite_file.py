"""Files that are databases, files that are none, and databases that are not sound."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from arena.doctor import examine
from arena.errors import StoreError
from arena.record.engines import reading_engine
from arena.record.sqlite_file import check_log, fault_of, is_sqlite, lies_still
from arena.record.store import Store


def check_it_is_read_without_a_trace(db: Path) -> None:
    files = sorted(db.parent.iterdir())
    engine = reading_engine(db)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM vote").scalar() == 0
        assert sorted(db.parent.iterdir()) == files
    engine.dispose()


def test_the_database_of_a_server_is_one_and_sound(store: Store) -> None:
    assert is_sqlite(store.path)
    assert fault_of(store.path) is None


@pytest.mark.parametrize("held", [b"", b"nonsense " * 1000])
def test_a_file_of_something_else_is_none(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "a.db").write_bytes(held)
    assert not is_sqlite(tmp_path / "a.db")


def test_what_is_no_database_or_not_there_has_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"nonsense " * 1000)
    assert fault_of(tmp_path / "a.db") == "file is not a database"
    assert fault_of(tmp_path / "b.db") == "unable to open database file"
    assert not (tmp_path / "b.db").exists()


def test_a_torn_page_is_found(store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'response'"
        ).fetchone()
    with store.path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 64)
    assert "***" in str(fault_of(store.path))


def test_a_database_in_a_folder_that_cannot_be_written_is_read_as_it_lies(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive, or somebody else's folder: SQLite would make files beside it, and failed."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not lies_still(store.path)  # a server has it open
    store.close()
    assert lies_still(store.path)
    check_it_is_read_without_a_trace(store.path)
    assert is_sqlite(store.path)
    assert fault_of(store.path) is None


def test_whoever_may_only_read_a_database_leaves_nothing_beside_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner's server could not write what another member of the group left there."""
    store.close()
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != store.path.resolve())
    check_it_is_read_without_a_trace(store.path)


def test_votes_in_a_log_that_cannot_be_read_are_told_and_not_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed server left, copied to an archive: SQLite wants to write beside it."""
    log, archive = Path(f"{store.path}-wal"), store.path.parent / "archive"
    archive.mkdir()
    for file in (store.path, log):
        shutil.copy(file, archive)
    copy = archive / store.path.name
    monkeypatch.setattr(os, "access", lambda *_: False)
    check_log(store.path)  # a server has it open: its index of the log is there
    for look in (check_log, reading_engine):
        with pytest.raises(StoreError, match=f"{log.name} beside it.*Copy both files"):
            look(copy)
    (finding,) = (found for found in examine(copy) if found.what == "database")
    assert "Copy both files" in finding.found


def test_a_file_whose_name_holds_signs_of_an_address_is_read_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a b?%23#é.db"
    Store(place).close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    engine = reading_engine(place)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM vote").scalar() == 0
    engine.dispose()
