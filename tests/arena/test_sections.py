"""Sections: a file is read as typed tables, or refused with file, line, field and way out."""

from pathlib import Path

import pytest
from pydantic import Field

from arena.errors import ConfigError
from arena.sections import Place, Section, file_of, read_file


class Shelf(Section):
    """A table within a table."""

    books: int = 0
    height: float = 1.0
    list: Place | None = None


class House(Section):
    """A whole file."""

    shelf: Shelf = Field(default_factory=Shelf)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "house.toml"
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        read_file(path, House)
    return str(refused.value)


def test_a_table_knows_where_it_stands(tmp_path: Path) -> None:
    house, source = read_file(written(tmp_path, b"[shelf]\nbooks = 3\n"), House)
    assert house.shelf.books == 3
    assert house.shelf.place("shelf", "books") == f"{source.path}, line 2, shelf.books"
    assert Shelf().place("shelf", "books") == "shelf.books"


@pytest.mark.parametrize("said", [b"book = 3", b"books = 1.5", b"height = inf"])
def test_no_key_is_overlooked_and_no_number_is_without_end(tmp_path: Path, said: bytes) -> None:
    field = said.split()[0].decode()
    path = written(tmp_path, b"[shelf]\n" + said)
    assert refusal(path).startswith(f"{path}, line 2, shelf.{field}: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    assert refusal(path).startswith(f"There is no configuration {path}.")


def test_what_is_no_text_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, b"# \xff\xfe")
    assert refusal(path) == (f"{path}: byte 3 is not UTF-8. Save the file as UTF-8 and try again.")
    assert refusal(tmp_path) == f"{tmp_path} is a folder. Name a TOML file in it."


def test_the_mark_that_windows_puts_before_a_text_is_none_of_it(tmp_path: Path) -> None:
    mark = "\ufeff".encode()
    house, _ = read_file(written(tmp_path, mark + b"[shelf]\nbooks = 3\n"), House)
    assert house.shelf.books == 3
    assert "line 2, shelf.book: unknown key" in refusal(
        written(tmp_path, mark + b"[shelf]\nbook = 3\n")
    )


def test_a_file_that_is_named_is_meant_from_the_files_folder(tmp_path: Path) -> None:
    house, source = read_file(written(tmp_path, b"[shelf]\nlist = 'a.txt'\n"), House)
    assert house.shelf.list is not None
    with pytest.raises(ConfigError, match=rf"line 2, shelf\.list: there is no file {tmp_path}/a"):
        file_of(source, ("shelf", "list"), house.shelf.list)
    (tmp_path / "a.txt").touch()
    assert file_of(source, ("shelf", "list"), house.shelf.list) == tmp_path / "a.txt"
