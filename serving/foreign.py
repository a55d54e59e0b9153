"""Code of another repository that a checkpoint only names: nothing pins it, so it is refused.

A checkpoint's own code lies beside its weights and is fixed with them. A class written as
``owner/name--module.Class`` is fetched from that other repository, as it stands there today. Reads
JSON files and runs nothing.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from serving.engine import EngineError, FailureKind

MARK = "--"  # between a repository and what is taken from it


def check_code(name: str, folder: Path) -> None:
    """Refuse a checkpoint that takes code from elsewhere.

    Raises
    ------
    EngineError
        With file, reference and the way out in its message.
    """
    for file in sorted(folder.glob("*.json")):
        for reference in _references(_read(file)):
            if MARK in reference:
                raise EngineError(
                    FailureKind.BACKEND,
                    f"{name}: {file} takes code of another repository ({reference}), which nothing "
                    "pins; put that code beside the weights in a folder of your own, with its name "
                    f"in auto_map without what stands before {MARK}",
                )


def _read(file: Path) -> object:
    try:
        found: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None  # who needs the file says so
    return found


def _references(value: object, *, mapped: bool = False) -> Iterator[str]:
    """Yield the classes that stand in any ``auto_map``, however deep."""
    if isinstance(value, str) and mapped:
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _references(one, mapped=mapped or key == "auto_map")
    elif isinstance(value, list):
        for one in value:
            yield from _references(one, mapped=mapped)
