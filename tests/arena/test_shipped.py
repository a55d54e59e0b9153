"""Shipped files: found beside the packages in a checkout, inside the package in a wheel."""

from pathlib import Path

import pytest

from arena.errors import ConfigError
from arena.shipped import shipped


def test_a_checkout_keeps_them_in_data() -> None:
    path = shipped("questions/nine-aspects.jsonl")
    assert path.parts[-3:] == ("data", "questions", "nine-aspects.jsonl")
    assert path.is_file()


def test_a_wheel_keeps_them_in_the_package_and_leaves_a_foreign_data_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("arena/_data", "data"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "tiny.jsonl").touch()
    monkeypatch.setattr("arena.shipped.__file__", str(tmp_path / "arena" / "shipped.py"))
    assert shipped("tiny.jsonl") == tmp_path / "arena/_data/tiny.jsonl"


def test_a_missing_file_is_named_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: .* install Evenhand again"):
        shipped("rosters/nothing.toml")
