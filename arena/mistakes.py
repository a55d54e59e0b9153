"""What is wrong with a TOML file, in sentences: file, line, field, and the way out.

Knows TOML and how pydantic finds fault, and no setting.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    "int_parsing_size": "a smaller whole number",
    "path_type": "a text",
}
# What a line's end or a bracket may stand in, before the ends and brackets that count.
PIECE: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)


@dataclass(frozen=True)
class Source:
    """A TOML file and its text; lines are looked for only when they are asked for."""

    path: Path
    text: str

    def place(self, *place: str | int) -> str:
        """Return where something stands: file, line and field."""
        return f"{self.path}, line {line_of(self.text, place)}, {field_of(place)}"


def sentences(source: Source, found: ValidationError) -> str:
    """Return one line for each mistake that was found in what a file says."""
    said, lines = tomllib.loads(source.text), _lines(source.text)
    mistakes = _without_echoes(found.errors())
    return "\n".join(_sentence(source.path, said, lines, mistake) for mistake in mistakes)


def _without_echoes(mistakes: Sequence[Any]) -> list[Any]:
    """Leave out that a list is too short where an element of it was refused."""
    places = [tuple(mistake["loc"]) for mistake in mistakes]

    def echoes(mistake: Any) -> bool:  # noqa: ANN401 - pydantic's own dict
        loc = tuple(mistake["loc"])
        within = any(place[: len(loc)] == loc and place != loc for place in places)
        return mistake["type"] == "too_short" and within

    return [mistake for mistake in mistakes if not echoes(mistake)]


def line_of(written: str, place: Sequence[str | int]) -> int:
    """Return the line of a valid TOML text on which a key stands, or the nearest table above it."""
    return _nearest(_lines(written), tuple(place))


def field_of(place: Sequence[str | int]) -> str:
    """Return a place as it is written: ``models[1].sampling``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(parts).removeprefix(".")


def _nearest(lines: Mapping[Place, int], place: Place) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _lines(written: str) -> dict[Place, int]:
    """Return the line of every table, key and element, each where its statement begins.

    TOML itself is asked what a statement says, and each is parsed once, alone.
    """
    lines: dict[Place, int] = {}
    sizes: dict[Place, int] = {}  # of arrays of tables, so far
    table: Place = ()
    for line, statement in _statements(written):
        said = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _entered(said, sizes)
            for end in range(1, len(table) + 1):
                lines.setdefault(table[:end], line)
        else:
            for place in _places(said):
                lines.setdefault((*table, *place), line)
    return lines


def _statements(written: str) -> Iterator[tuple[int, str]]:
    """Yield each header and each key with its value, with the line on which it begins."""
    start, line, depth = 0, 1, 0
    for piece in PIECE.finditer(written):
        found = piece.group()
        depth += (found in "[{") - (found in "]}")
        if found == "\n" and not depth:
            statement = written[start : piece.end()]
            yield line, statement
            line += statement.count("\n")
            start = piece.end()
    yield line, written[start:]


def _entered(said: Any, sizes: dict[Place, int]) -> Place:  # noqa: ANN401 - whatever TOML holds
    """Return the place of the table that a header opens, within the newest of every array."""
    table: Place = ()
    while said:
        ((key, said),) = said.items()
        table = (*table, key)
        if isinstance(said, list):
            said = {}
            sizes[table] = sizes.get(table, 0) + 1
        if table in sizes:
            table = (*table, sizes[table] - 1)
    return table


def _places(said: Any) -> Iterator[Place]:  # noqa: ANN401 - whatever TOML holds
    """Yield the place of everything in a value."""
    inside = said.items() if isinstance(said, dict) else enumerate(said)
    for part, value in inside:
        yield (part,)
        if isinstance(value, dict | list):
            yield from ((part, *place) for place in _places(value))


def _sentence(path: Path, said: Any, lines: Mapping[Place, int], mistake: Any) -> str:  # noqa: ANN401 - pydantic's own dict
    place = _written_place(said, mistake["loc"])
    what, way_out = mistake["msg"].removeprefix("Value error, "), ""
    match mistake["type"]:
        case "extra_forbidden":
            what, way_out = "unknown key", " Remove it, or correct its spelling."
        case "missing":
            place = (*place, mistake["loc"][-1])
            what, way_out = "this key is missing", " Add it."
        case "value_error":
            fault = mistake["ctx"]["error"]
            place = (*place, *([fault.field] if hasattr(fault, "field") else []))
        case kind:
            what, way_out = _refused(kind, what, mistake["input"])
            if kind == "tuple_type" and len(place) == 1:  # at the top of a file are only tables
                way_out = f" Write a [[{place[0]}]] table for each."
    stop = "" if what.endswith(".") else "."
    return f"{path}, line {_nearest(lines, place)}, {field_of(place)}: {what}{stop}{way_out}"


def _refused(kind: str, what: str, value: object) -> tuple[str, str]:
    """Return what is wrong with a value, and the way out."""
    # As TOML writes it: JSON has other words for what is no finite number.
    shown = (
        str(value)
        if isinstance(value, float)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
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
