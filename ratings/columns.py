"""Columns of names as integer codes, from pandas and from Arrow.

Hashing strings costs ten times everything else a leaderboard does, so each column is encoded
once and a categorical or dictionary column is taken as it is.

This module does not know what the names mean.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

_PIECE: Final = 100_000  # votes
_LARGEST: Final = 2.0**53  # below it floats tell whole numbers apart


@dataclass(frozen=True, eq=False)
class Labels:
    """One name for each vote.

    Attributes
    ----------
    names : Index
        Distinct names, in order of first appearance where nothing else is known.
    codes : ndarray of shape (n_votes,)
        Place of each vote's name in ``names``; -1 where it is missing.
    """

    names: "pd.Index[str]"
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of votes."""
        return len(self.codes)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return the labels of some votes, with the same names."""
        return type(self)(self.names, self.codes[rows])

    def used_names(self) -> "pd.Index[str]":
        """Return the names that stand on at least one vote."""
        seen = np.zeros(len(self.names) + 1, dtype=bool)
        for start in range(0, len(self), _PIECE):  # most logs show every name in the first piece
            seen[self.codes[start : start + _PIECE]] = True
            if seen[:-1].all():
                break
        return self.names[seen[:-1]]

    @classmethod
    def of(cls, values: object) -> Self:
        """Encode any sequence of names.

        Examples
        --------
        >>> Labels.of(["ann", None, "ann", "ben"]).codes.tolist()
        [0, -1, 0, 1]
        """
        labels = labels_of_series(pd.Series(values))
        return cls(labels.names, labels.codes)


def labels_of_series(column: pd.Series) -> Labels:
    """Encode a column of a data frame; a categorical column keeps its codes.

    Empty text is a missing name: "" and blanks in a log name nobody.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        names = pd.Index(column.cat.categories)
    else:
        codes, uniques = pd.factorize(column)
        names = pd.Index(uniques)
    return _without_blanks(names, codes.astype(np.int32, copy=False))


def labels_of_arrow(column: "pa.ChunkedArray") -> Labels:
    """Encode a column of an Arrow table; a dictionary column keeps its codes."""
    if not hasattr(column.type, "index_type"):  # plain values, not yet a dictionary
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    if column.num_chunks == 0:
        return Labels(pd.Index([], dtype="str"), np.empty(0, dtype=np.int32))
    indices = [
        chunk.indices.fill_null(-1) if chunk.indices.null_count else chunk.indices
        for chunk in column.chunks
    ]
    codes = np.concatenate([own.to_numpy() for own in indices], dtype=np.int32, casting="unsafe")
    return _without_blanks(pd.Index(column.chunk(0).dictionary.to_pandas()), codes)


def response_hash(frame: pd.DataFrame) -> NDArray[np.uint64] | None:
    """Return a hash of the two responses of each vote, the same whichever sat on seat A.

    Returns
    -------
    ndarray of shape (n_votes,) or None
        0 where a vote says nothing about its responses; None where no vote does.
    """
    hashed = np.zeros(len(frame), dtype=np.uint64)
    if "item_id" in frame:
        item = frame["item_id"]
        item = (item.map(_whole) if item.dtype == object else item).astype(str).str.strip()
        named = (frame["item_id"].notna() & (item != "")).to_numpy()
        hashed[named] = _never_zero(pd.util.hash_array(item.to_numpy(dtype=object)[named]))
    if {"conversation_a", "conversation_b"} <= set(frame.columns):
        told = (frame["conversation_a"].notna() & frame["conversation_b"].notna()).to_numpy()
        rows = frame[told & (hashed == 0)]  # an item's name says enough
        # each response goes with its model, so that the sum does not know the seats
        both = [_seat_hash(rows[f"model_{seat}"], rows[f"conversation_{seat}"]) for seat in "ab"]
        hashed[told & (hashed == 0)] = _never_zero(both[0] + both[1])
    return hashed if bool(hashed.any()) else None


def run_starts(codes: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return where each run of equal codes begins."""
    begins = np.ones(len(codes), dtype=np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def _never_zero(hashed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return hashed | np.uint64(1)


def _seat_hash(model: pd.Series, response: pd.Series) -> NDArray[np.uint64]:
    spoken = model.astype(str).str.strip() + "\x00" + response.map(repr)
    hashed: NDArray[np.uint64] = pd.util.hash_array(spoken.to_numpy(dtype=object))
    return hashed


def _without_blanks(names: "pd.Index[str]", codes: NDArray[np.int32]) -> Labels:
    """Return names without blanks around them; what is then empty is missing."""
    text = _as_written(names)
    bare = text.str.strip()
    plain = bool((bare == text).all()) and not bool((text == "").any())
    if not plain or (names.dtype == object and not text.is_unique):  # both 2 and "2"
        place, text = pd.factorize(bare)
        places = np.append(place.astype(np.int32), np.int32(-1))
        places[:-1][np.asarray(bare == "", dtype=bool)] = -1
        codes = places[codes]
    return Labels(text, codes)


def _as_written(names: "pd.Index[str]") -> "pd.Index[str]":
    """Return names as text: 2 beside a missing value was read as 2.0, and is 2 again."""
    if names.dtype == object:  # as pandas reads a large CSV, a piece at a time
        return names.map(_whole).astype(str)
    small = names.dtype.kind == "f" and bool((np.abs(names.to_numpy()) < _LARGEST).all())
    whole = small and bool((names.to_numpy() % 1 == 0).all())
    return (names.astype(np.int64) if whole else names).astype(str)


def _whole(name: object) -> object:
    return int(name) if isinstance(name, float) and name.is_integer() else name
