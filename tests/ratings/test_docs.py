"""The pages on ratings: their example runs, and every function and column they name exists."""

import importlib
import re
from pathlib import Path

import pytest

from ratings.rows import COLUMNS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("data.md", "ratings.md")


def test_the_example_of_the_data_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "data.md").read_text("utf-8"), re.DOTALL)
    exec(code, {})  # noqa: S102 - our own page
    assert "Qwen" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_every_module_named_exists(page: str) -> None:
    named = set(re.findall(r"`(ratings\.\w+)`", (DOCS / page).read_text("utf-8")))
    assert named or page == "data.md"
    for name in named:
        importlib.import_module(name)


def test_every_module_of_ratings_stands_on_a_page() -> None:
    text = "".join((DOCS / page).read_text("utf-8") for page in PAGES)
    inner = {"columns", "counts", "kernels", "plain", "compiled", "overlap", "coefficients"}
    inner |= {"clusters", "faults", "groups", "raters", "redraws", "__init__"}
    modules = {path.stem for path in (DOCS.parent / "ratings").glob("*.py")} - inner
    assert {name for name in modules if f"ratings.{name}" not in text} == set()


def test_every_column_in_doubt_is_explained() -> None:
    text = (DOCS / "ratings.md").read_text("utf-8")
    plain = {"rank", "model", "rating", "votes", "wins", "losses", "ties", "failure_rate"}
    assert {name for name in COLUMNS if f"`{name}`" not in text} <= plain | {"win_rate"}
