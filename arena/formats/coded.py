"""The few columns that a board needs, with names as codes: ten million votes in some hundred MB.

A file is read a piece at a time through the same checks as any vote log, and of each piece only
codes are kept. Names of questions and items are as many as the votes, so only a hash of them is
kept; of a response, how long it was and whether it failed. What a board makes of it is not
known here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from arena.errors import LogError
from arena.formats.columns import STANDING, TEXT, conform, repeated
from arena.formats.families import LONG, NEEDED, Family
from arena.formats.files import Table, read_pieces, read_table
from arena.formats.items import by_responses, undecided
from arena.formats.reading import family_of, refusal

NAMED: Final = (
    *("model_a", "model_b", "winner", "judge", "study", "aspect", "language", "rater_kind"),
    *("quantization_a", "quantization_b", "set_aside"),
)
HASHED: Final = ("question_id", "item_id")
TRUE: Final = ("anony", "in_force")  # unless a row says otherwise
_ENDED: Final = ("finish_reason_a", "finish_reason_b", "length_a", "length_b")
READ: Final = (*NAMED, *HASHED, *TRUE, *_ENDED, "seq")
WANTED: Final = frozenset({*READ, *STANDING, *NEEDED, *LONG})

UNKNOWN, GAVE, FAILED = -1, 0, 1  # what is known of a response


class Coding:
    """Votes in codes, to which more can be added."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, int]] = {name: {} for name in NAMED}
        self._parts: dict[str, list[NDArray[Any]]] = {}

    def add(self, log: pd.DataFrame) -> None:
        """Add votes; a column that they do not have is one that says nothing."""
        for name in NAMED:
            self._put(name, self._codes(name, log))
        for name in HASHED:
            nameless = np.broadcast_to(np.uint64(0), len(log))
            self._put(name, hashes(log[name]) if name in log else nameless)
        for name in TRUE:
            said = log[name].fillna(value=True) if name in log else np.broadcast_to(True, len(log))  # noqa: FBT003
            self._put(name, np.asarray(said, dtype=np.bool_))
        for seat in ("a", "b"):
            self._put(f"failed_{seat}", _failed(log, seat))
            self._put(f"length_{seat}", _whole(log, f"length_{seat}"))
        self._put("seq", _whole(log, "seq"))

    def frame(self) -> pd.DataFrame:
        """Return all votes as they were added.

        Names are categories, -1 in `seq` and `length_a` is a number that is missing, 0 in
        `question_id` and `item_id` (hashes) a name; `failed_a` is `UNKNOWN`, `GAVE` or `FAILED`.
        """
        if not self._parts:  # no votes, but every column
            nothing = Coding()
            nothing.add(pd.DataFrame())
            return nothing.frame()
        columns: dict[str, Any] = {}
        for name, parts in self._parts.items():
            values = _joined(parts)
            self._parts[name] = [values]
            columns[name] = values
            if name in self._names:
                names = pd.CategoricalDtype(pd.Index(list(self._names[name]), dtype="str"))
                columns[name] = pd.Categorical.from_codes(values, dtype=names, validate=False)
        return pd.DataFrame(columns, copy=False)

    def _put(self, name: str, values: NDArray[Any]) -> None:
        self._parts.setdefault(name, []).append(values)

    def _codes(self, name: str, log: pd.DataFrame) -> NDArray[np.signedinteger[Any]]:
        """Return the codes of a column, in order of first appearance in all that was added."""
        known = self._names[name]
        if name not in log:
            return np.broadcast_to(np.int8(-1), len(log))
        codes, names = pd.factorize(log[name])
        ours = [known.setdefault(str(said), len(known)) for said in names]
        lookup = np.array([*ours, -1], dtype=np.min_scalar_type(-len(known) - 1))
        coded: NDArray[np.signedinteger[Any]] = lookup[codes]
        return coded


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Return one array of many; what is the same on every row takes no memory."""
    if len(parts) == 1:
        return parts[0]
    if any(part.strides != (0,) or part[:1] != parts[0][:1] for part in parts):
        return np.concatenate(parts)
    return np.broadcast_to(parts[0][0], sum(len(part) for part in parts))


def hashes(names: "pd.Series[str]") -> NDArray[np.uint64]:
    """Return a hash of each name, the same in every file; 0 where there is none."""
    missing = (names.isna() | (names == "")).to_numpy(dtype=np.bool_)
    text = np.array(names, dtype=object)
    text[missing] = ""
    hashed = pd.util.hash_array(text, categorize=False) | np.uint64(1)
    hashed[missing] = 0
    return hashed


def _failed(log: pd.DataFrame, seat: str) -> NDArray[np.int8]:
    """Return whether each response failed: nothing said, or cut at the length limit."""
    signs = {f"finish_reason_{seat}": "length", f"length_{seat}": 0}
    said = [(log[name], sign) for name, sign in signs.items() if name in log]
    if not said:
        return np.broadcast_to(np.int8(UNKNOWN), len(log))
    failed = np.full(len(log), UNKNOWN, dtype=np.int8)
    for column, sign in said:
        known = column.notna().to_numpy()
        failed[known] = np.maximum(failed[known], (column[known] == sign).to_numpy())
    return failed


def _whole(log: pd.DataFrame, name: str) -> NDArray[np.signedinteger[Any]]:
    """Return a column of whole numbers in as few bytes as hold them, -1 where there is none."""
    if name not in log:
        return np.broadcast_to(np.int8(-1), len(log))
    said: NDArray[np.int64] = log[name].fillna(-1).to_numpy(np.int64)
    narrow: NDArray[np.signedinteger[Any]] = said.astype(
        np.min_scalar_type(-int(said.max(initial=0)) - 1)
    )
    return narrow


def read_coded(path: str | Path) -> pd.DataFrame:
    """Return the votes of a file in any known format as `Coding.frame` has them.

    Columns that no board needs are not looked at, and so not refused either.

    Raises
    ------
    ConfigError
        If the file is missing or its ending is unknown.
    LogError
        If the format is unknown or any row is no vote; the message lists the first 20.
    """
    path = Path(path)
    coding, problems, rows = Coding(), [], 0
    names: tuple[str, ...] = ()
    for family, table in _pieces(path, WANTED - LONG):
        names = table.names
        log, found = conform(family.read(table.frame), READ)
        rows += len(log)
        problems += found
        if not problems:
            coding.add(log)
    if problems:
        raise LogError(refusal(path, problems, rows))
    votes = coding.frame()
    if (alike := undecided(votes, names)).any():
        votes["item_id"] |= by_responses(_pieces(path, WANTED), alike)
    seq = votes["seq"].to_numpy()
    if not (np.diff(seq) > 0).all() and (twice := repeated(votes["seq"][seq >= 0])):
        raise LogError(refusal(path, twice, rows))
    if len(seq) and seq.min() >= 0 and (np.diff(seq) < 0).any():  # clocks jump; seq is the order
        votes = votes.sort_values("seq", kind="stable", ignore_index=True)
    return votes


def _pieces(path: Path, wanted: frozenset[str]) -> Iterator[tuple[Family, Table]]:
    """Yield a file in pieces, or whole where a row cannot be read without the others."""
    for number, table in enumerate(read_pieces(path, wanted)):
        family = family_of(path, table.names)
        if number == 0 and not (family.row_by_row and _plain_names(table.frame)):
            yield family, read_table(path, wanted)
            return
        yield family, table


def _plain_names(frame: pd.DataFrame) -> bool:
    """Return whether names are no floats: those read as 8 only if all of them are whole."""
    return not any(
        pd.api.types.is_float_dtype(kind) for name, kind in frame.dtypes.items() if name in TEXT
    )
