"""`docs/roster.md` names every key of a configuration, in its order, with its default."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from arena.settings import ArenaSettings, Limits, PaceSettings, PoolSettings, Settings
from serving.spec import Behaviour, ModelSpec, Sampling

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "roster.md").read_text()
SECTIONS = {
    title: re.findall(r"^\| `(\w+)` \| (?:`(.+?)`)? ?\| (.+) \|$", text, re.MULTILINE)
    for title, text in re.findall(
        r"^###? `(.+?)`.*?\n(.+?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
}
EXAMPLES = re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL)
TABLES: dict[str, type[BaseModel]] = {
    "[arena]": ArenaSettings,
    "[limits]": Limits,
    "[pace]": PaceSettings,
    "[pool]": PoolSettings,
    "[[models]]": ModelSpec,
    "sampling": Sampling,
    "behaviour": Behaviour,
}


def _as_data(default: object) -> object:
    """Return a default as TOML would say it; unset where it says nothing."""
    if default is PydanticUndefined or isinstance(default, BaseModel):
        return None
    if isinstance(default, tuple):
        return list(default)
    return str(default) if isinstance(default, Path | str) else default


def test_it_has_every_table() -> None:
    assert [*SECTIONS] == [*TABLES]
    sections = {f"[{name}]" for name in Settings.model_fields}
    assert sections == {table.replace("[[models]]", "[models]") for table in TABLES if "[" in table}


@pytest.mark.parametrize("table", TABLES)
def test_it_names_every_key_in_its_order_with_its_default(table: str) -> None:
    stated = {
        key: tomllib.loads(f"value = {default}")["value"] if default else None
        for key, default, _ in SECTIONS[table]
    }
    fields = TABLES[table].model_fields
    assert [*stated] == [*fields]
    assert stated == {name: _as_data(field.default) for name, field in fields.items()}


@pytest.mark.parametrize("written", EXAMPLES)
def test_its_examples_are_configurations(written: str) -> None:
    Settings.model_validate(tomllib.loads(written))
