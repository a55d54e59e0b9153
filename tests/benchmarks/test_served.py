"""A server that does not open says why, and its benchmark does not wait for it."""

from pathlib import Path

import pytest

from benchmarks.served import NotServing, served

OPEN = "print('Lab is open at http://127.0.0.1:4711', flush=True); import time; time.sleep(60)"


def test_a_server_that_ends_early_is_told_with_its_words(tmp_path: Path) -> None:
    script = "import sys; sys.exit('no such roster')"
    with (
        pytest.raises(NotServing, match="no such roster"),
        served(tmp_path / "lab.toml", tmp_path / "arena.db", ("-c", script)),
    ):
        pass


def test_a_server_is_found_killed_and_gone(tmp_path: Path) -> None:
    with served(tmp_path / "lab.toml", tmp_path / "arena.db", ("-c", OPEN)) as server:
        assert server.address == "http://127.0.0.1:4711"
        server.kill()
        assert server.process.returncode == -9
