"""The vote log: its columns, their types, and what a row must hold to be a vote.

A log comes as a data frame whose index still counts the rows of its file, so that a refusal can
name the place. Which file it came from, and how that file spells an outcome, is not known here.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd

OUTCOMES: Final = ("model_a", "model_b", "tie", "both_bad")
RATER_KINDS: Final = ("human", "simulated", "model")
CONVERSATIONS: Final = ("conversation_a", "conversation_b")

TEXT: Final = (
    *("question_id", "model_a", "model_b", "winner", "judge", "language"),
    *("battle_id", "item_id", "study", "aspect", "rater_kind", "display"),
    *("quantization_a", "quantization_b", "finish_reason_a", "finish_reason_b", "flags"),
)
WHOLE: Final = ("turn", "seq", "dwell_ms", "length_a", "length_b", "resident")
NUMBER: Final = ("tstamp", "propensity")
LAST_S: Final = 253_402_300_799.0  # the end of the year 9999; later are milliseconds, or nothing
TRUTH: Final = ("anony",)

PUBLIC: Final = (  # as the public arena sets have them
    *("question_id", "model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b"),
    *("turn", "anony", "language", "tstamp"),
)
OURS: Final = (
    *("seq", "battle_id", "item_id", "study", "aspect", "rater_kind", "display", "dwell_ms"),
    *("quantization_a", "quantization_b", "finish_reason_a", "finish_reason_b"),
    *("length_a", "length_b", "propensity", "flags", "resident"),
)
COLUMNS: Final = (*PUBLIC, *OURS)
# An export with `--all` says in two more columns which rows count, and if not, why.
STANDING: Final = ("in_force", "set_aside")
_TYPES: Final = {CONVERSATIONS: "object", WHOLE: "Int64", NUMBER: "float64", TRUTH: "boolean"}


@dataclass(frozen=True)
class Problem:
    """Why one row is no vote; `row` counts from 0 in the file, header and comments left out."""

    row: int
    says: str


def conform(frame: pd.DataFrame, only: Sequence[str] = ()) -> tuple[pd.DataFrame, list[Problem]]:
    """Return `frame` with exactly the columns of the log, and the rows that are no votes.

    With `only`, those of them that `frame` has, and nothing is said of the others.
    """
    problems: list[Problem] = []
    columns: dict[str, Any] = {}
    named = [name for name in only if name in frame]
    named = named or [*COLUMNS, *(name for name in STANDING if name in frame)]
    for name in named:
        if name not in frame:
            columns[name] = _unknown(name, frame.index)
            continue
        raw = frame[name]
        columns[name], bad = _typed(name, raw)
        problems += [
            Problem(int(row), f"{name} is {_quoted(raw[row])}, not {_wanted(name)}") for row in bad
        ]
    log = pd.DataFrame(columns, index=frame.index)
    if not only and log["seq"].isna().all():
        # a foreign log: the order of the file is the order of the votes
        log["seq"] = pd.array(range(1, len(log) + 1), dtype="Int64")
    problems += _no_votes(log)
    return log, sorted(problems, key=lambda problem: problem.row)


def _unknown(name: str, index: "pd.Index[Any]") -> "pd.Series[Any]":
    """Return a column that the file does not have; most foreign logs have few of ours."""
    dtype = next((dtype for names, dtype in _TYPES.items() if name in names), "str")
    # pandas makes NaN of None, also among objects, unless it comes in a list
    return pd.Series([None] * len(index) if dtype == "object" else None, index=index, dtype=dtype)


def _typed(name: str, raw: "pd.Series[Any]") -> tuple["pd.Series[Any]", list[Any]]:
    """Return a column in its type, and the index of the entries that do not fit it."""
    if name in CONVERSATIONS:
        turns = [value if isinstance(value, list) else None for value in raw]
        return pd.Series(turns, index=raw.index, dtype=object), []
    if name in WHOLE or name in NUMBER:
        return _numbers(name, raw)
    if name in TRUTH or name == "in_force":
        return _truths(raw)
    return as_text(raw), []


def as_text(raw: "pd.Series[Any]") -> "pd.Series[str]":
    """Return a column as text in which an empty entry is missing; 8.0 reads as 8."""
    if isinstance(raw.dtype, pd.CategoricalDtype):  # each name is read once
        names = as_text(pd.Series(raw.cat.categories)).array
        return pd.Series(names.take(raw.cat.codes.to_numpy(), allow_fill=True), index=raw.index)
    if isinstance(raw.dtype, pd.StringDtype):
        text = raw.astype("str")
    elif pd.api.types.is_float_dtype(raw.dtype) and (raw.dropna() % 1 == 0).all():
        text = raw.astype("Int64").astype("str")
    elif pd.api.types.is_object_dtype(raw.dtype):
        text = raw.map(_spelled, na_action="ignore").astype("str")
    else:
        text = raw.astype("str")
    blank = text == ""
    return text.mask(blank) if blank.any() else text


def _spelled(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def each_once(text: "pd.Series[str]", say: Callable[[str], str]) -> "pd.Series[str]":
    """Return a column with `say` of each entry; every distinct entry is said once."""
    codes, said = pd.factorize(text)
    spoken = pd.array([say(str(entry)) for entry in said], dtype="str")
    return pd.Series(spoken.take(codes, allow_fill=True), index=text.index)


def _numbers(name: str, raw: "pd.Series[Any]") -> tuple["pd.Series[Any]", list[Any]]:
    if name == "tstamp":
        raw = _seconds(raw)
    # nullable, or one missing number would round all others beyond 2**53
    numbers = pd.to_numeric(raw, errors="coerce", dtype_backend="numpy_nullable")
    unread = raw[(numbers.isna() & raw.notna()).astype(bool)]
    bad = unread[unread.astype("str") != ""].index
    if name in NUMBER:
        numbers = numbers.astype("float64")
        most = LAST_S if name == "tstamp" else sys.float_info.max
        return numbers, list(bad.union(numbers.index[numbers.abs() > most]))
    if not pd.api.types.is_signed_integer_dtype(numbers.dtype):
        broken = (numbers % 1 != 0) | (numbers.abs() >= 2.0**63)  # which 64 bits do not hold
        bad = bad.union(numbers.index[broken.fillna(value=False)])
        numbers = numbers.mask(numbers.index.isin(bad))
    return numbers.astype("Int64"), list(bad)


def _seconds(raw: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return times as seconds since 1970, from numbers or from dates such as 2025-06-01 10:00."""
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        moments = pd.to_datetime(raw, utc=True)
    elif pd.to_numeric(raw, errors="coerce").notna().any() or raw.isna().all():
        return raw
    else:
        moments = pd.to_datetime(raw, utc=True, errors="coerce", format="ISO8601")
    start = pd.Timestamp(0, tz="UTC").as_unit("s")  # nanoseconds end in 2262, and a date may not
    seconds = ((moments - start) / pd.Timedelta(seconds=1).as_unit("s")).astype("float64")
    unread = moments.isna() & as_text(raw).notna()
    return seconds.astype(object).mask(unread, raw) if unread.any() else seconds


_TRUTHS: Final[dict[str, bool]] = {"true": True, "1": True, "false": False, "0": False}


def _truths(raw: "pd.Series[Any]") -> tuple["pd.Series[Any]", list[Any]]:
    if pd.api.types.is_bool_dtype(raw.dtype):
        return raw.astype("boolean"), []
    text = as_text(raw)
    known = each_once(text, str.lower).map(_TRUTHS).astype("boolean")
    return known, list(raw.index[known.isna() & text.notna()])


def _no_votes(log: pd.DataFrame) -> list[Problem]:
    """Return what keeps rows from being votes: names, outcomes and rater kinds."""
    problems: list[Problem] = []

    def refuse(bad: "pd.Series[bool]", says: Callable[[Any], str]) -> None:
        problems.extend(Problem(int(row), says(log.loc[row])) for row in log.index[bad])

    for seat in ("model_a", "model_b"):
        log[seat] = log[seat].str.strip()  # as ratings read names: "a " is no other model than "a"
        empty = log[seat].isna() | (log[seat] == "")
        refuse(empty, partial(_says_empty, seat))
    same = (log["model_a"] == log["model_b"]).fillna(value=False).astype(bool)
    refuse(same, lambda row: f"model_a and model_b are both {_quoted(row['model_a'])}")
    wrong = ~log["winner"].isin(OUTCOMES)
    refuse(wrong, lambda row: _not_one_of("winner", row["winner"], OUTCOMES))
    if "rater_kind" not in log:
        return problems
    stranger = log["rater_kind"].notna() & ~log["rater_kind"].isin(RATER_KINDS)
    refuse(stranger, lambda row: _not_one_of("rater_kind", row["rater_kind"], RATER_KINDS))
    return problems


def repeated(seq: "pd.Series[Any]") -> list[Problem]:
    """Return the rows whose `seq` stands before them too: one vote would count twice."""
    known = seq[seq.notna()]
    again = known[known.duplicated()]
    way_out = "if logs were joined, leave out column seq"
    return [
        Problem(int(row), f"seq {seq[row]} stands in an earlier row too; {way_out}")
        for row in again.index
    ]


def _says_empty(field: str, _: object) -> str:
    return f"{field} is empty"


def _not_one_of(field: str, value: object, known: tuple[str, ...]) -> str:
    listed = f"{', '.join(known[:-1])} or {known[-1]}"
    if pd.isna(value):  # type: ignore[call-overload]  # any scalar of a frame
        return f"{field} is empty, not {listed}"
    return f"{field} is {_quoted(value)}, not {listed}"


def _quoted(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")  # noqa: PLR2004  # fits a line


def _wanted(name: str) -> str:
    if name in WHOLE:
        return "a whole number"
    if name == "tstamp":
        return "a time in seconds since 1970"
    return "a number" if name in NUMBER else "true or false"
