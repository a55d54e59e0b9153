"""What every test may rely on: no hub, one thread, and a header that names what was tested."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# the first example pays for imports and compilation, so time is no test here
settings.register_profile("daily", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "daily"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that none of them runs alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    browser = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: (item.path not in slow, item.path not in browser))


def pytest_report_header() -> list[str]:
    packages = ("torch", "transformers", "gradio", "numpy", "pandas", "numba")
    return [f"SQLite {sqlite3.sqlite_version}", ", ".join(_version(name) for name in packages)]


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


@pytest.fixture(autouse=True)
def _level_of_the_log() -> Iterator[None]:
    """Take back the level that a command run in this process has set for all."""
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)


@pytest.fixture(scope="session")
def real_votes() -> Path:
    """Return the file of real human votes; its folder is named by EVENHAND_REAL_VOTES."""
    folder = os.environ.get("EVENHAND_REAL_VOTES")
    if not folder:
        pytest.skip("EVENHAND_REAL_VOTES does not name a folder of real votes")
    return Path(folder) / "llmfao-crowd-comparisons.csv"
