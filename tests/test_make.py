"""What `make` does where something is missing: it says what, and goes on where it can."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.web.conftest import BROWSERS

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "make", "id")  # and no browser


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout that seems installed; its pytest only says that it ran."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in TOOLS:
        if (found := shutil.which(tool)) is None:
            pytest.skip(f"no {tool} here")
        (tools / tool).symlink_to(found)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name, script in (("playwright", "exit 1"), ("pytest", "echo tests ran")):
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (binaries / name).chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def make(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own file
        [checkout / "tools" / "make", "test"],
        cwd=checkout,
        env={"PATH": str(checkout / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_browser_the_way_out_is_told_and_the_other_tests_run(checkout: Path) -> None:
    run = make(checkout)
    assert (run.returncode, "tests ran" in run.stdout) == (0, True)
    assert "apt-get install chromium" in run.stderr


@pytest.mark.parametrize("name", BROWSERS)
def test_a_browser_that_spares_fetching_one_is_one_that_the_tests_find(
    checkout: Path, name: str
) -> None:
    (checkout / "tools" / name).symlink_to("make")
    assert make(checkout).stderr == ""
