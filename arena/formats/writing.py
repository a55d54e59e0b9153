"""Votes out: our own log and the public formats, as Parquet, CSV or JSON lines.

The same votes give the same bytes: nothing of the day or of the machine is written. How votes are
read, and what ratings make of them, is not known here.
"""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd

from arena.errors import ConfigError
from arena.formats.columns import COLUMNS, CONVERSATIONS, NUMBER, PUBLIC, STANDING, TRUTH, WHOLE
from arena.formats.conversations import said_by
from arena.formats.languages import name_of
from arena.formats.outputs import write_whole

SPOKEN: Final = (  # a column of text, the conversation it is taken from, and whose words it holds
    ("prompt", "conversation_a", "user"),
    ("response_a", "conversation_a", "assistant"),
    ("response_b", "conversation_b", "assistant"),
)
NANOSECONDS: Final = ("1678", "2262")  # years that they reach
ROW_GROUP: Final = 65_536  # rows; fixed, so that equal votes give equal Parquet files
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs at the start of a cell


def _bothbad(votes: pd.DataFrame) -> "pd.Series[str]":
    return votes["winner"].replace({"both_bad": "tie (bothbad)"})


def _ours(votes: pd.DataFrame) -> pd.DataFrame:
    return votes[[name for name in (*COLUMNS, *STANDING) if name in votes]]


def _flat(votes: pd.DataFrame) -> pd.DataFrame:
    """Write one cell a thing: the prompt and both responses as text instead of conversations."""
    log = _ours(votes).drop(columns=list(CONVERSATIONS))
    for name, column, role in SPOKEN:
        log[name] = [_said(turns, role, "\n\n".join) for turns in votes[column]]
    return log


def _said(turns: Any, role: str, told: Callable[[list[str]], str]) -> str | None:  # noqa: ANN401
    return told(said_by(turns, role)) if isinstance(turns, list) else None


def _lmsys(votes: pd.DataFrame) -> pd.DataFrame:
    """Write the 33k set without the verdicts of its moderation models, which we do not run."""
    log = votes[list(PUBLIC)].copy()
    log["winner"] = _bothbad(votes)
    log["language"] = votes["language"].map(name_of, na_action="ignore")
    return log


def _arena_100k(votes: pd.DataFrame) -> pd.DataFrame:
    """Write the 100k set: raters as hashes; its classifiers' columns are left out."""
    log = _lmsys(votes).drop(columns="judge")
    log["judge_hash"] = votes["judge"].map(_hashed, na_action="ignore")
    return log


def _hashed(judge: str) -> str:
    return hashlib.sha256(judge.encode()).hexdigest()[:32]


def _arena_55k(votes: pd.DataFrame) -> pd.DataFrame:
    """Write the 55k set: turns as JSON texts, one column an outcome, both ties in one."""
    log = pd.DataFrame({"id": _row_names(votes)}, index=votes.index)
    log["model_a"], log["model_b"] = votes["model_a"], votes["model_b"]
    for name, column, role in SPOKEN:
        log[name] = [_said(turns, role, _json_text) for turns in votes[column]]
    for name, outcomes in (
        ("winner_model_a", ["model_a"]),
        ("winner_model_b", ["model_b"]),
        ("winner_tie", ["tie", "both_bad"]),
    ):
        log[name] = votes["winner"].isin(outcomes).astype("int64")
    return log


def _arena_140k(votes: pd.DataFrame) -> pd.DataFrame:
    """Write the 140k set; a rater's votes share an `evaluation_session_id`, in their order."""
    log = pd.DataFrame({"id": _row_names(votes)}, index=votes.index)
    log["model_a"], log["model_b"] = votes["model_a"], votes["model_b"]
    log["winner"] = votes["winner"]
    log["evaluation_session_id"] = votes["judge"].map(_hashed, na_action="ignore")
    log["evaluation_order"] = votes.groupby("judge", dropna=False).cumcount() + 1
    for name in CONVERSATIONS:
        log[name] = pd.Series([_in_parts(turns) for turns in votes[name]], index=votes.index)
    log["language"] = votes["language"]
    log["timestamp"] = (votes["tstamp"] * 1e6).round().to_numpy().astype("datetime64[us]")
    return log


def _in_parts(turns: Any) -> list[dict[str, Any]] | None:  # noqa: ANN401  # a list, or missing
    if not isinstance(turns, list):
        return None
    return [
        {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]}
        for turn in turns
    ]


def _row_names(votes: pd.DataFrame) -> "pd.Series[str]":
    """Return a name for every row: its battle, or its number where the log names none."""
    numbers = pd.Series(range(1, len(votes) + 1), index=votes.index).astype("str")
    return votes["battle_id"].fillna(numbers)


EXPORTS: Final[dict[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "evenhand": _ours,
    "flat": _flat,
    "lmsys": _lmsys,
    "arena-55k": _arena_55k,
    "arena-100k": _arena_100k,
    "arena-140k": _arena_140k,
}


def write_votes(
    votes: pd.DataFrame, path: str | Path, *, export: str = "evenhand", excel: bool = False
) -> None:
    """Write a vote log; the ending of `path` says how, `export` in which format.

    `excel` puts an apostrophe before text that a spreadsheet would run as a formula.

    Raises
    ------
    ConfigError
        If the format or the ending is unknown, or `path` is a folder.
    LogError
        If the file cannot be written.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        listed = ", ".join(_WRITERS)
        raise ConfigError(f"{path}: the ending says no format that we write; use one of {listed}.")
    if export not in EXPORTS:
        raise ConfigError(f"--format {export}: not one of {', '.join(EXPORTS)}.")
    log = EXPORTS[export](votes)
    if excel:
        log = _guarded(log)
    write_whole(path, lambda part: writer(log, part))


def _guarded(log: pd.DataFrame) -> pd.DataFrame:
    def guard(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value

    texts = [name for name in log if name not in (*WHOLE, *NUMBER, *TRUTH)]
    return log.assign(**{str(name): log[name].map(guard) for name in texts})


def _json_text(value: Any) -> str:  # noqa: ANN401  # a list of turns or texts
    return json.dumps(value, ensure_ascii=False)


def _write_csv(log: pd.DataFrame, path: Path) -> None:
    nested = [name for name in CONVERSATIONS if name in log]
    texts = {name: log[name].map(_json_text, na_action="ignore") for name in nested}
    log = log.assign(**texts)
    # a bare carriage return would end the row for most readers, and only quotes hold it together
    log.to_csv(
        path,
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if _has_return(log) else csv.QUOTE_MINIMAL,
        encoding="utf-8",
    )


def _has_return(log: pd.DataFrame) -> bool:
    texts = log.select_dtypes(include=["str", "object"])
    return any(texts[name].str.contains("\r", regex=False).eq(True).any() for name in texts)  # noqa: FBT003  # not a flag


def _write_jsonl(log: pd.DataFrame, path: Path) -> None:
    if "timestamp" in log:
        log = log.assign(timestamp=log["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f"))
    columns = [_plain(log[name]) for name in log]
    names = list(log)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for values in zip(*columns, strict=True):
            row = dict(zip(names, values, strict=True))
            file.write(_json_text(row) + "\n")


def _plain(column: "pd.Series[Any]") -> list[Any]:
    """Return a column as Python values with None where there is none."""
    values = column.astype(object)
    return [
        None if value is None or value is pd.NA or value != value else value  # noqa: PLR0124  # NaN is not itself
        for value in values
    ]


def _write_parquet(log: pd.DataFrame, path: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415  # only Parquet needs it
    from pyarrow import parquet  # noqa: PLC0415

    fields = [pa.field(str(name), _arrow_type(str(name), log[name])) for name in log]
    arrays = [
        pa.array(_plain(log[field.name]), type=field.type)
        if pa.types.is_list(field.type)
        else pa.array(log[field.name], type=field.type, from_pandas=True)
        for field in fields
    ]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    parquet.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)


def _arrow_type(name: str, column: "pd.Series[Any]") -> Any:  # noqa: ANN401  # pyarrow has no types
    """Return a type that depends on the column's name alone, so an empty log has the same file."""
    import pyarrow as pa  # noqa: PLC0415

    text = pa.string()
    if name in CONVERSATIONS:
        content = pa.list_(pa.struct([("type", text), ("text", text)]))
        first = next((turns for turns in column if isinstance(turns, list) and turns), None)
        nested = first is not None and not isinstance(first[0]["content"], str)
        return pa.list_(pa.struct([("content", content if nested else text), ("role", text)]))
    if name in (*TRUTH, "in_force"):
        return pa.bool_()
    if name in NUMBER:
        return pa.float64()
    if name == "timestamp":
        # As the public set has them; nanoseconds end in 2262, and a date for "never" does not fit.
        return pa.timestamp("ns" if column.dropna().between(*NANOSECONDS).all() else "us")
    whole = name in WHOLE or name.startswith("winner_") or name == "evaluation_order"
    return pa.int64() if whole else text


_WRITERS: Final[dict[str, Callable[[pd.DataFrame, Path], None]]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
