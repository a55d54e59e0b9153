"""What is wrong with a TOML file, in sentences: file, line, field, and the way out.

Knows TOML and how pydantic finds fault, and no setting.
"""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

Place = tuple[str | int, ...]
"""Keys and numbers from the top of a file to a value."""

SHOWN: Final = 60  # characters of a value that is shown
MEANT: Final = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def sentences(path: Path, written: str, found: ValidationError) -> str:
    """Return one line for each mistake that was found in what a file says."""
    said = tomllib.loads(written)
    return "\n".join(_sentence(path, written, said, mistake) for mistake in found.errors())


def line_of(written: str, place: Sequence[str | int]) -> int:
    """Return the line of a TOML text on which a key stands, or the nearest table above it.

    TOML itself is asked: a key stands in the first piece of the file with which it is there.
    """
    said = tomllib.loads(written)
    wanted = tuple(place)
    while wanted and not _is_there(said, wanted):
        wanted = wanted[:-1]
    lines = written.split("\n")
    start = 0
    for end in range(1, len(lines) + 1):
        try:
            before = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a value
        if wanted and _is_there(before, wanted):
            return start + 1
        start = end
    return 1


def field_of(place: Sequence[str | int]) -> str:
    """Return a place as it is written: ``models[1].sampling``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".")


def _sentence(path: Path, written: str, said: Any, mistake: Any) -> str:  # noqa: ANN401 - pydantic's own dict
    place = _written_place(said, mistake["loc"])
    what, way_out = mistake["msg"].removeprefix("Value error, "), ""
    match mistake["type"]:
        case "extra_forbidden":
            what, way_out = "unknown key", " Remove it, or correct its spelling."
        case "missing":
            place = (*place, mistake["loc"][-1])
            what, way_out = "this key is missing", " Add it."
        case "value_error":
            pass
        case kind:
            what, way_out = _refused(kind, what, mistake["input"])
    line = line_of(written, place)
    return f"{path}, line {line}, {field_of(place)}: {what}.{way_out}".replace("..", ".")


def _refused(kind: str, what: str, value: object) -> tuple[str, str]:
    """Return what is wrong with a value, and the way out."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if len(shown) > SHOWN:
        shown = f"{shown[: SHOWN - 3]}..."
    if kind in MEANT:
        is_list = MEANT[kind] == "a list" and isinstance(value, str | int | float)
        way_out = f" Write [{shown}]." if is_list else " Correct it."
        return f"{shown} should be {MEANT[kind]}", way_out
    _, should, rest = what.partition(", unable")[0].partition(" should ")
    return (f"{shown}{should}{rest}" if should else what), " Correct it."


def _written_place(said: Any, place: Place) -> Place:  # noqa: ANN401 - whatever TOML holds
    """Return a place without what pydantic puts in between, such as a kind of value."""
    out: list[str | int] = []
    for part in place:
        if _is_there(said, (part,)):
            said = said[part]
            out.append(part)
    return tuple(out)


def _is_there(said: Any, place: Place) -> bool:  # noqa: ANN401 - whatever TOML holds
    for part in place:
        keys = said if isinstance(said, dict) else range(len(said) if isinstance(said, list) else 0)
        if part not in keys:
            return False
        said = said[part]
    return True
