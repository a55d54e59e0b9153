"""JSON that strangers wrote, decoded: whatever is wrong with it is one kind of error.

Half a character, as programs write that cut an emoji in two, becomes the mark for one that is lost:
no file of ours could hold it. What the JSON is about is not known here.
"""

import json
import re
from typing import Any, Final

HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
# Two that make a whole one; behind a backslash the first may be how one is written, and none.
BOTH: Final = re.compile(r"(?<!\\)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def decoded(text: str) -> Any:  # noqa: ANN401  # any JSON
    """Return what a JSON text says.

    Raises
    ------
    ValueError
        If it is none, or has too many digits or brackets for this machine; `reason` says which.
    """
    try:
        said = json.loads(text)
        # most halves stand together, and to go through all that is said takes three times as long
        return _whole(said) if HALF.search(text) and HALF.search(BOTH.sub("", text)) else said
    except RecursionError as error:
        raise ValueError("too many brackets within each other") from error


def _whole(said: Any) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(said, str):
        return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(said, list):
        return [_whole(part) for part in said]
    if isinstance(said, dict):
        return {_whole(name): _whole(part) for name, part in said.items()}
    return said


def reason(error: ValueError) -> str:
    """Return why a text could not be decoded."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return str(error).partition(";")[0]
