"""Files that we write: whole or not at all, and never the file that is read."""

import os
import stat
from pathlib import Path

import pytest

from arena.errors import ConfigError, LogError
from arena.formats.outputs import check_is_another, write_whole


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "votes.csv"
    target.write_text("old")
    target.chmod(0o644)

    def new(part: Path) -> None:
        part.write_text("new")

    write_whole(target, new)
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("old", [None, 0o640, 0o600])
def test_a_file_is_for_whom_its_writer_or_the_one_before_made_it(
    tmp_path: Path, old: int | None
) -> None:
    target = tmp_path / "votes.csv"
    before = os.umask(0o077)
    try:
        if old is not None:
            target.touch()
            target.chmod(old)
        write_whole(target, Path.touch)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == (old or 0o600)


def test_a_writer_that_fails_midway_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "votes.csv"
    target.write_text("old")

    def half(part: Path) -> None:
        part.write_text("ne")
        raise ValueError("the third row has no time")

    with pytest.raises(ValueError, match="third row"):
        write_whole(target, half)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    def full(_part: Path) -> None:
        raise OSError(28, "No space left on device")

    said = r"votes\.csv: cannot be written \(No space left on device\); make room there"
    with pytest.raises(LogError, match=said):
        write_whole(tmp_path / "votes.csv", full)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_place_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        write_whole(tmp_path, lambda _part: None)
    with pytest.raises(LogError, match="choose a folder that exists"):
        write_whole(tmp_path / "gone" / "votes.csv", lambda _part: None)


def test_the_file_that_is_read_is_refused_by_whatever_name(tmp_path: Path) -> None:
    source = tmp_path / "votes.csv"
    source.write_text("old")
    link, twin = tmp_path / "link.csv", tmp_path / "twin.csv"
    link.symlink_to(source)
    twin.hardlink_to(source)
    for name in (source, link, twin, tmp_path / "." / "votes.csv"):
        with pytest.raises(ConfigError, match="would be overwritten"):
            check_is_another(name, source)
        with pytest.raises(ConfigError, match="would be overwritten"):
            check_is_another(name, f"sqlite:///{source}")
    check_is_another(tmp_path / "other.csv", source)
