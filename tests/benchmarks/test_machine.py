"""The header: which disk a figure was measured on."""

from pathlib import Path

import pytest

from benchmarks.machine import file_system, machine, place, sync_ms

MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /quick tmpfs rw 0 0
/dev/vdb /quick/kept xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        pytest.param("/home/lab", "ext4", id="the root"),
        pytest.param("/quick/kept/db", "xfs", id="the deepest mount that holds it"),
        pytest.param("/quickly", "ext4", id="a name that only begins alike"),
    ],
)
def test_a_folder_lies_on_the_file_system_mounted_above_it(
    folder: str, kind: str, tmp_path: Path
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS, encoding="utf-8")
    assert file_system(Path(folder), mounts) == kind


def test_a_file_system_in_memory_is_warned_of(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS, encoding="utf-8")
    assert "mean nothing" in file_system(Path("/quick/db"), mounts)


def test_a_system_without_a_list_of_mounts_is_no_failure(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "missing") == "unknown file system"


def test_the_place_of_benchmarks_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENHAND_BENCH_DIR", str(tmp_path))
    assert place() == tmp_path


def test_the_header_names_what_a_figure_depends_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENHAND_BENCH_DIR", str(tmp_path))
    assert set(machine()) == {"date", "cores", "system", "Python", "SQLite", "disk"}


def test_a_durable_page_takes_some_time(tmp_path: Path) -> None:
    assert sync_ms(tmp_path, times=3) > 0
