"""A TOML file read as typed tables: every mistake told with the file, the line and the field.

Paths in a file are meant from the folder of that file. What the tables are about is not known here.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr, ValidationError

from arena.errors import ConfigError
from arena.mistakes import Source, field_of, sentences
from serving.spec import at_home

File = TypeVar("File", bound="Section")


class Section(BaseModel):
    """A table of a file: fixed once read, no key is overlooked, and every number is finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    _source: Source | None = PrivateAttr(None)

    def written_in(self, source: Source) -> None:
        """Keep in mind which file says this, for what is found out only later."""
        self._source = source
        for value in self.__dict__.values():
            if isinstance(value, Section):
                value.written_in(source)

    def place(self, *place: str | int) -> str:
        """Return where something stands: file, line and field, or the field alone."""
        return field_of(place) if self._source is None else self._source.place(*place)


def _expanded(path: Path) -> Path:
    return Path(at_home(str(path)))


Place = Annotated[Path, AfterValidator(_expanded)]
"""A file or folder; `~` is the home of who runs this."""


def read_file(path: Path, kind: type[File]) -> tuple[File, Source]:
    """Return what a TOML file says, and its source; every key must be one that `kind` has.

    Raises
    ------
    ConfigError
        If it is missing, is no TOML, or says something that cannot be; the message has one line a
        mistake.
    """
    try:
        source = Source(path, path.read_text(encoding="utf-8-sig"))  # Windows puts a mark before it
    except FileNotFoundError:
        raise ConfigError(
            f"There is no configuration {path}. Name another file, or try `arena demo` first."
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder. Name a TOML file in it.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: byte {error.start + 1} is not UTF-8. Save the file as UTF-8 and try again."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). Make it readable, or name another file."
        ) from error
    try:
        said = tomllib.loads(source.text)
    except ValueError as error:  # TOML's own, or Python's where an integer has 5000 digits
        raise ConfigError(f"{path}: this is not valid TOML: {error}. Correct it.") from error
    except RecursionError:
        raise ConfigError(
            f"{path}: too many brackets stand within each other. Correct it."
        ) from None
    try:
        found = kind.model_validate(said)
    except ValidationError as error:
        raise ConfigError(sentences(source, error)) from error
    found.written_in(source)
    return found, source


def file_of(source: Source, place: Sequence[str], named: Path) -> Path:
    """Return the file that a field names, meant from the folder of its own.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    file = source.path.parent / named
    if not file.is_file():
        raise ConfigError(
            f"{source.place(*place)}: there is no file {file}. "
            f"Correct the path; it is meant from {source.path.parent.resolve()}."
        )
    return file
