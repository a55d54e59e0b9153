"""Tables on disk: CSV, JSON lines, JSON and Parquet, read as they stand.

What the columns mean is not known here. A table's index counts the rows of its file from 0;
`place` turns such a number into the line that an editor shows.
"""

import csv
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Final

import pandas as pd

from arena.errors import ConfigError, LogError
from arena.formats.decoding import decoded, reason

ENDINGS: Final = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
PIECE: Final = 1 << 15  # rows of a Parquet file held at once as names
BLOCK: Final = 1 << 26  # bytes: no row of a CSV may be longer, conversations included


@dataclass(frozen=True, eq=False)
class Table:
    """A file as it stands: the columns that were asked for, and the names of all it has."""

    frame: pd.DataFrame
    names: tuple[str, ...]


def read_table(path: Path, wanted: Collection[str]) -> Table:
    """Return those columns of a file that are wanted; CSV comes as text.

    Raises
    ------
    ConfigError
        If the file is missing, is a folder, or has an ending that we do not know.
    LogError
        If it is not what it says.
    """
    check_is_file(path)
    readers = {".parquet": _parquet, ".csv": _csv, ".tsv": _csv, ".jsonl": _json, ".json": _json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        listed = ", ".join(ENDINGS)
        raise ConfigError(f"{path}: the ending says no format that we know; use one of {listed}.")
    try:
        return reader(path, wanted)
    except UnicodeDecodeError as error:
        raise LogError(_not_utf8(path, f"byte {error.start}")) from error


def check_is_file(path: Path) -> None:
    """Make sure that there is a file to read.

    Raises
    ------
    ConfigError
        If there is none, or a folder, a pipe or a device.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a vote log or a database in it.")
    if path.exists() and not path.is_file():  # `<(zcat votes.csv.gz)`, /dev/stdin
        raise ConfigError(f"{path} is a pipe or a device; save what it gives as a file.")
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file; check the path of the vote log.")


def _not_utf8(path: Path, where: str) -> str:
    return f"{path}: {where} is not UTF-8; save the file as UTF-8 and try again."


def _csv(path: Path, wanted: Collection[str]) -> Table:
    import pyarrow as pa  # noqa: PLC0415  # slow to import
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    with path.open("rb") as file:
        if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE):  # a spreadsheet's "Unicode text"
            raise LogError(_not_utf8(path, "line 1"))
    separator = _separator(path)
    _, names = next(_csv_rows(path, separator), (1, []))
    _check_names(path, names)
    kept = [name for name in names if name in wanted]
    try:
        table = arrow_csv.read_csv(
            path,
            # in one thread it can say which row is at fault
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            # every entry as text, or a model named "null" or "007" would be another one
            convert_options=arrow_csv.ConvertOptions(
                include_columns=kept, column_types=dict.fromkeys(kept, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        raise LogError(_csv_fault(path, str(error))) from error
    return Table(table.to_pandas(), tuple(names))


def _check_names(path: Path, names: list[str]) -> None:
    if not names:
        raise LogError(f"{path}: the file is empty; a vote log begins with a line of column names.")
    if names[0].startswith(("{", "[")):
        raise LogError(
            f"{path}: this is JSON and not CSV; name it with the ending .jsonl or .json."
        )
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise LogError(f"{path}: line 1: the column {twice[0]!r} stands there twice; rename one.")


def _csv_fault(path: Path, said: str) -> str:
    """Return what Arrow says about a CSV in our words, with the line instead of the row."""
    row = re.search(r"Row #(\d+)", said)
    where = place(path, int(row[1]) - 2) if row else "a line"
    if "UTF8" in said:
        return _not_utf8(path, where)
    counts = re.search(r"Expected (\d+) columns, got (\d+)", said)
    if counts is None:
        return f"{path}: {where} cannot be read as CSV; mend it, or save the file as CSV once more."
    return (
        f"{path}: {where} has {counts[2]} entries, the header {counts[1]}; mend that line, "
        "or quote the entry that holds a separator."
    )


def _separator(path: Path) -> str:
    """Return what parts the columns: spreadsheets of some countries write semicolons."""
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        first = next((line for line in file if line.strip("\r\n")), "")
    return max(",;\t", key=first.count)


def _csv_rows(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the lines on which they begin, the header first; blank lines are none."""
    csv.field_size_limit(BLOCK)  # the library's own is less than a long conversation takes
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        reader = csv.reader(file, delimiter=separator)
        begins = 1
        for fields in reader:
            if fields:
                yield begins, fields
            begins = reader.line_num + 1


def _json(path: Path, wanted: Collection[str]) -> Table:
    columns: dict[str, list[Any]] = {}
    names: dict[str, None] = {}
    rows = 0
    for line, entry in _entries(path):
        if not isinstance(entry, dict):
            where = f"line {line}" if line else f"entry {rows + 1}"
            raise LogError(f"{path}: {where} is not an object with the columns of a vote.")
        if not entry.keys() <= names.keys():
            names.update(dict.fromkeys(entry))
            for name in entry.keys() & set(wanted):
                columns.setdefault(name, [None] * rows)
        for name, column in columns.items():
            column.append(entry.get(name))
        rows += 1
    # objects, or a missing number would turn the whole column into floats
    series = {name: pd.Series(columns[name], dtype=object) for name in names if name in columns}
    return Table(pd.DataFrame(series, index=pd.RangeIndex(rows)), tuple(names))


def _entries(path: Path) -> Iterable[tuple[int, Any]]:
    """Yield the entries with their lines (0 in an array); `.json` files hold an array or lines."""
    with path.open(encoding="utf-8-sig") as file:
        start = file.read(1)
        while start.isspace():
            start = file.read(1)
        file.seek(0)
        if start == "[":
            yield from ((0, entry) for entry in _array(path, file.read()))
            return
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _line(path, number, line)


def _array(path: Path, text: str) -> Any:  # noqa: ANN401  # any JSON
    try:
        return decoded(text)
    except ValueError as error:
        where = f"line {error.lineno}" if isinstance(error, JSONDecodeError) else "a line"
        raise LogError(f"{path}: {where} is not JSON ({reason(error)}).") from error


def _line(path: Path, number: int, line: str) -> Any:  # noqa: ANN401  # any JSON
    try:
        return decoded(line)
    except ValueError as error:
        column = f", column {error.colno}" if isinstance(error, JSONDecodeError) else ""
        raise LogError(f"{path}: line {number} is not JSON ({reason(error)}{column}).") from error


def _parquet(path: Path, wanted: Collection[str]) -> Table:
    file, names, kept = _opened_parquet(path, wanted)
    table = _unbroken(path, lambda: file.read(columns=kept).select(kept))
    return Table(_as_frame(path, table), names)


def read_pieces(path: Path, wanted: Collection[str]) -> Iterator[Table]:
    """Yield a file in pieces of some rows, which count on; what is not Parquet in one.

    Raises
    ------
    ConfigError, LogError
        As `read_table`.
    """
    if path.suffix.lower() != ".parquet" or not path.is_file():
        yield read_table(path, wanted)
        return
    import pyarrow as pa  # noqa: PLC0415  # only Parquet needs it

    file, names, kept = _opened_parquet(path, wanted)
    batches = file.iter_batches(batch_size=PIECE, columns=kept)
    rows = 0
    while rows < file.metadata.num_rows or not rows:
        batch = _unbroken(path, lambda: next(batches, None))
        piece = file.schema_arrow.empty_table() if batch is None else pa.table(batch)
        frame = _as_frame(path, piece.select(kept))
        yield Table(frame.set_axis(range(rows, rows + len(frame)), axis=0), names)
        rows += len(frame)
        if batch is None:
            return


def _opened_parquet(path: Path, wanted: Collection[str]) -> tuple[Any, tuple[str, ...], list[str]]:
    """Return a Parquet file, the names of its columns, and those that are wanted."""
    from pyarrow import parquet  # noqa: PLC0415  # only Parquet needs it

    file = _unbroken(path, lambda: parquet.ParquetFile(path))
    names = tuple(file.schema_arrow.names)
    return file, names, [name for name in names if name in wanted]


def _unbroken(path: Path, read: Callable[[], Any]) -> Any:  # noqa: ANN401  # pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415  # only Parquet needs it

    try:
        return read()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # names may be no text
        if getattr(error, "errno", None) is not None:  # what the system refused, not what is broken
            raise
        said = " ".join(str(error).split())
        raise LogError(f"{path}: this is not a Parquet file that can be read ({said}).") from error


def _as_frame(path: Path, table: Any) -> pd.DataFrame:  # noqa: ANN401  # pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415  # only Parquet needs it

    _unbroken(path, lambda: table.validate(full=True))  # text that is none would end in a traceback
    table = table.replace_schema_metadata(None)  # what pandas notes there may be broken alone
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
    rows = islice(_csv_rows(path, _separator(path)), row + 1, None)  # the header is the first
    begins, _ = next(rows, (row + 2, []))
    return begins
