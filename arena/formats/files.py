"""Tables on disk: CSV, JSON lines, JSON and Parquet, read as they stand and written in one piece.

What the columns mean is not known here. A table's index counts the rows of its file from 0;
`place` turns such a number into the line that an editor shows.
"""

import csv
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pandas as pd

from arena.errors import LogError

ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
NO_ROWS: Final = ("model_a", "model_b", "winner")
Keep = Callable[[list[str]], list[str]]  # from the columns of a file, those worth reading


def read_table(path: Path, keep: Keep) -> pd.DataFrame:
    """Return the columns of a file that `keep` asks for; text formats come as text.

    Raises
    ------
    LogError
        If the file is missing, has an ending that we do not know, or is not what it says.
    """
    if not path.is_file():
        raise LogError(f"{path}: there is no such file; check the path of the vote log.")
    readers = {".parquet": _parquet, ".csv": _csv, ".tsv": _csv, ".jsonl": _json, ".json": _json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        listed = ", ".join(ENDINGS)
        raise LogError(f"{path}: the ending says no format that we know; use one of {listed}.")
    try:
        return reader(path, keep)
    except UnicodeDecodeError as error:
        raise LogError(
            f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 and try again."
        ) from error


def _csv(path: Path, keep: Keep) -> pd.DataFrame:
    separator = _separator(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file, delimiter=separator), [])
    if not header:
        raise LogError(f"{path}: the file is empty; a vote log begins with a line of column names.")
    wanted = keep(header)
    try:
        with warnings.catch_warnings():
            # pandas drops surplus entries with a warning, and without one where it may skip columns
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                dtype=str,
                keep_default_na=False,  # or a model named "null" or "NA" would vanish
                encoding="utf-8-sig",
                index_col=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        said = str(error).split("C error: ")[-1].strip()
        if isinstance(error, pd.errors.ParserWarning):
            said = f"line 2 has more entries than the {len(header)} names of the header"
        raise LogError(
            f"{path}: {said}; mend that line, or quote the entry that holds a separator."
        ) from error
    return frame[wanted]


def _separator(path: Path) -> str:
    """Return what parts the columns: spreadsheets of some countries write semicolons."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
    return max(",;\t", key=first.count)


def _json(path: Path, keep: Keep) -> pd.DataFrame:
    entries = _entries(path)
    rows: list[dict[str, Any]] = []
    for number, (line, entry) in enumerate(entries):
        if not isinstance(entry, dict):
            where = f"line {line}" if line else f"entry {number + 1}"
            raise LogError(f"{path}: {where} is not an object with the columns of a vote.")
        rows.append(entry)
    found = dict.fromkeys(name for row in rows for name in row)
    names = keep(list(found) or list(NO_ROWS))  # a log without votes names no columns
    # objects, or a missing number would turn the whole column into floats
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def _entries(path: Path) -> Iterable[tuple[int, Any]]:
    """Yield the entries with their lines (0 in an array); `.json` files hold an array or lines."""
    with path.open(encoding="utf-8-sig") as file:
        start = file.read(1)
        while start.isspace():
            start = file.read(1)
        file.seek(0)
        if start == "[":
            try:
                array = json.load(file)
            except json.JSONDecodeError as error:
                raise LogError(f"{path}: line {error.lineno} is not JSON ({error.msg}).") from error
            yield from ((0, entry) for entry in array)
            return
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _line(path, number, line)


def _line(path: Path, number: int, line: str) -> Any:  # noqa: ANN401  # any JSON
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise LogError(
            f"{path}: line {number} is not JSON ({error.msg}, column {error.colno})."
        ) from error


def _parquet(path: Path, keep: Keep) -> pd.DataFrame:
    import pyarrow as pa  # noqa: PLC0415  # only Parquet needs it
    from pyarrow import parquet  # noqa: PLC0415

    try:
        file = parquet.ParquetFile(path)
        names = keep(list(file.schema_arrow.names))
        table = file.read(columns=names).select(names)
    except pa.ArrowInvalid as error:
        raise LogError(f"{path}: this is not a Parquet file that can be read ({error}).") from error
    for position, field in enumerate(table.schema):
        if pa.types.is_integer(field.type) and table.column(position).null_count:
            # pandas would make them floats, and 2**53 + 1 another number
            text = table.column(position).cast(pa.string())
            table = table.set_column(position, field.name, text)
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def place(path: Path, row: int) -> str:
    """Return where row `row` stands: its line in a text file, else its number."""
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        return f"line {_csv_line(path, row)}"
    if ending in (".jsonl", ".json"):
        lines = (line for number, (line, _) in enumerate(_entries(path)) if number == row)
        line = next(lines, 0)
        return f"line {line}" if line else f"entry {row + 1}"
    return f"row {row + 1}"


def _csv_line(path: Path, row: int) -> int:
    """Return the line on which a row begins; quoted entries may span several."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_separator(path))
        next(reader)  # the header
        seen, begins = 0, reader.line_num + 1
        for fields in reader:
            if fields:  # pandas passes over blank lines
                if seen == row:
                    break
                seen += 1
            begins = reader.line_num + 1
    return begins


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file by way of a temporary one beside it, so that readers see all of it or none.

    Raises
    ------
    LogError
        If the folder is missing or cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            part.chmod(0o644)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise LogError(
            f"{path}: cannot be written ({error.strerror}); choose a folder that exists "
            "and that you may write to."
        ) from error
