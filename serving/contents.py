"""What stands in the files of a checkpoint or an adapter, looked at before it is believed.

Such files come from others: cut short, half downloaded, or another thing by the same name. What
cannot be what it should be is refused in one sentence, with the file and a way out. Reads JSON and
the headers of safetensors; loads no weights and knows no model.
"""

import json
import struct
from pathlib import Path
from typing import Any, Final, TypeGuard

from serving.engine import EngineError, FailureKind

Shape = tuple[int, ...]

POINTER: Final = b"version https://git-lfs"  # what git puts in the place of a large file
COUNT_BYTES: Final = 8  # of a safetensors file, that say how long its header is
HEADER_BYTES: Final = 100_000_000  # the library refuses a longer one
JSON_BYTES: Final = 256 * 1024**2  # far more than any tokenizer has
LARGEST: Final = 2**40  # of any dimension: arithmetic with it stays within what a float can hold
DIMENSIONS: Final = 8
SHOWN: Final = 80  # characters of a value that is shown
COPY: Final = "copy it again"


def refusal(cause: str, way_out: str) -> EngineError:
    """Return the error that refuses files for what stands in them."""
    return EngineError(FailureKind.BACKEND, f"{cause}; {way_out}")


def shown(value: object) -> str:
    """Return a value of a JSON file as it may stand in a sentence."""
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def is_there(file: Path) -> bool:
    """Tell whether there is a file.

    Raises
    ------
    EngineError
        If nobody lets us look.
    """
    try:
        return file.is_file()
    except OSError as error:
        raise _unreadable(file, error) from error


def object_in(file: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises
    ------
    EngineError
        If it is not there, cannot be read, or is something else.
    """
    size = _size_of(file)
    if size > JSON_BYTES:
        raise refusal(f"{file} is no JSON: it has {size:,} bytes", COPY)
    return _object(str(file), _read(file, size))


def shapes_in(file: Path) -> dict[str, Shape]:
    """Return the shape of every tensor in a safetensors file by its name, from its header.

    Raises
    ------
    EngineError
        If it is not there, cannot be read, or is not as long as its header says.
    """
    _, header = _header(file)
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def spans_in(file: Path) -> dict[str, tuple[int, int]]:
    """Return where in a safetensors file every tensor begins and ends, in bytes, by its name.

    Raises
    ------
    EngineError
        As `shapes_in`.
    """
    ends, header = _header(file)
    spans = {name: entry["data_offsets"] for name, entry in header.items()}
    return {name: (ends + begin, ends + end) for name, (begin, end) in spans.items()}


def _header(file: Path) -> tuple[int, dict[str, Any]]:
    """Return how many bytes the header of a safetensors file takes, and its entries by name."""
    size = _size_of(file)
    begin = _read(file, COUNT_BYTES)
    if len(begin) < COUNT_BYTES:
        raise refusal(f"{file} is cut short: {size:,} bytes", COPY)
    (length,) = struct.unpack("<Q", begin)
    if length > HEADER_BYTES:
        raise refusal(
            f"{file} is no safetensors file: its header would have {length:,} bytes", COPY
        )
    ends = COUNT_BYTES + length
    if ends > size:
        raise refusal(f"{file} is cut short: {size:,} of {ends:,} bytes and more", COPY)
    header = _object(f"{file}: its header", _read(file, ends)[COUNT_BYTES:])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if not _is_tensor(entry):
            what = f"{file}: its header says {shown({name: entry})}, which is no tensor"
            raise refusal(what, COPY)
    whole = ends + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if size != whole:
        how = "cut short" if size < whole else "longer than its header says"
        raise refusal(f"{file} is {how}: {size:,} of {whole:,} bytes", COPY)
    return ends, header


def _size_of(file: Path) -> int:
    """Return the bytes of a file that is there, and is the file itself."""
    if not is_there(file):
        raise refusal(f"{file} is not there", COPY)
    size = file.stat().st_size
    if _read(file, len(POINTER)) == POINTER:
        what = f"{file} is a git-lfs pointer, not the file"
        raise refusal(what, "run `git lfs pull` in its folder")
    return size


def _read(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> EngineError:
    return refusal(f"{file} cannot be read ({error.strerror})", f"make it readable, or {COPY}")


def _object(what: str, content: bytes) -> dict[str, Any]:
    """Return the object in the bytes of a file, or of a part of one."""
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, too long a number, too deep
        raise refusal(f"{what} is no JSON: {error}", COPY) from error
    if not isinstance(found, dict):
        raise refusal(f"{what} holds {shown(found)}, and no object", COPY)
    return found


def _is_tensor(entry: object) -> bool:
    """Tell whether an entry of a header describes a tensor."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _are_counts(shape, LARGEST) or not _are_counts(offsets, 2**63):
        return False
    return len(shape) <= DIMENSIONS and len(offsets) == 2 and offsets[0] <= offsets[1]  # noqa: PLR2004 -- begin and end


def _are_counts(value: object, most: int) -> TypeGuard[list[int]]:
    """Tell whether a value is a list of whole numbers from 0 on."""
    return isinstance(value, list) and all(
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= most for one in value
    )
