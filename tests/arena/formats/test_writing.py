"""Votes out: what a format can say comes back, equal votes give equal bytes, formulas are kept."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from arena.errors import ConfigError
from arena.formats import EXPORTS, read_votes, write_votes

ENDINGS = (".csv", ".jsonl", ".parquet")
LOST = {  # what a format has no column for, beside all of our own
    "evenhand": set(),
    "flat": set(),
    "lmsys": set(),
    "arena-100k": {"judge"},
    "arena-55k": {"question_id", "judge", "turn", "anony", "language", "tstamp", "winner"},
    "arena-140k": {"question_id", "judge", "turn", "anony"},
}


def talk(said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "为什么?"}, {"role": "assistant", "content": said}]


@pytest.fixture
def log(tmp_path: Path) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "question_id": f"q{n}",
            "model_a": "oak",
            "model_b": "null",
            "winner": winner,
            "judge": "ada",
            "conversation_a": talk('"a",\nb'),
            "conversation_b": talk("=1+1"),
            "turn": 1,
            "anony": True,
            "language": "zh",
            "tstamp": 1700000000.123456,
            "seq": n,
            "battle_id": f"b{n}",
            "item_id": f"i{n}",
            "study": "",
            "aspect": "physics",
            "rater_kind": "human",
            "dwell_ms": 2**53 + 1,
            "length_a": None,
            "propensity": 0.1,
        }
        for n, winner in enumerate(("model_a", "model_b", "tie", "both_bad"), start=1)
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_votes(path)


def same(left: pd.DataFrame, right: pd.DataFrame, columns: set[str]) -> list[str]:
    def values(frame: pd.DataFrame, name: str) -> list[Any]:
        return [None if not isinstance(v, list) and pd.isna(v) else v for v in frame[name]]

    return sorted(name for name in columns if values(left, name) != values(right, name))


@pytest.mark.parametrize("ending", ENDINGS)
def test_our_own_log_comes_back_to_the_last_digit(
    log: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    write_votes(log, tmp_path / f"out{ending}")
    assert same(read_votes(tmp_path / f"out{ending}"), log, set(log.columns)) == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("export", list(EXPORTS))
def test_a_public_format_keeps_what_it_has_a_column_for(
    log: pd.DataFrame, tmp_path: Path, export: str, ending: str
) -> None:
    write_votes(log, tmp_path / f"out{ending}", export=export)
    back = read_votes(tmp_path / f"out{ending}")
    public = {*log.columns[:11]}
    assert same(back, log, public - LOST[export]) == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("export", list(EXPORTS))
def test_a_response_that_is_json_comes_back_as_it_was_said(
    log: pd.DataFrame, tmp_path: Path, export: str, ending: str
) -> None:
    said = [talk(text) for text in ('["oak", "pine"]', "[]", '{"role": "user"}', "null")]
    written = log.assign(conversation_b=pd.Series(said, dtype=object))
    write_votes(written, tmp_path / f"out{ending}", export=export)
    assert read_votes(tmp_path / f"out{ending}")["conversation_b"].tolist() == said


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_date_that_nanoseconds_do_not_reach_is_a_date(
    log: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    """As programs write it for never: the last second of the year 9999, and one long ago."""
    out = tmp_path / f"out{ending}"
    times = [253_402_300_799.0, -10_000_000_000.5, 1700000000.123456, float("nan")]
    write_votes(log.assign(tstamp=times), out, export="arena-140k")
    read = read_votes(out)["tstamp"]
    assert [*read[:3], read.isna()[3]] == [*times[:3], True]


@pytest.mark.parametrize(("time", "unit"), [(1700000000.5, "ns"), (253_402_300_799.0, "us")])
def test_times_in_parquet_are_nanoseconds_as_in_the_public_set_where_they_fit(
    log: pd.DataFrame, tmp_path: Path, time: float, unit: str
) -> None:
    out = tmp_path / "out.parquet"
    write_votes(log.assign(tstamp=time), out, export="arena-140k")
    assert parquet.read_schema(out).field("timestamp").type == pa.timestamp(unit)


def test_the_older_sets_spell_both_bad_their_way(log: pd.DataFrame, tmp_path: Path) -> None:
    for export in ("lmsys", "arena-100k"):
        write_votes(log, tmp_path / "out.csv", export=export)
        assert pd.read_csv(tmp_path / "out.csv")["winner"].iloc[3] == "tie (bothbad)"


def test_the_55k_set_merges_both_ties(log: pd.DataFrame, tmp_path: Path) -> None:
    write_votes(log, tmp_path / "out.csv", export="arena-55k")
    assert pd.read_csv(tmp_path / "out.csv")["winner_tie"].tolist() == [0, 0, 1, 1]


def test_a_rater_leaves_the_100k_set_as_a_hash(log: pd.DataFrame, tmp_path: Path) -> None:
    write_votes(log, tmp_path / "out.csv", export="arena-100k")
    assert "ada" not in (tmp_path / "out.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("export", list(EXPORTS))
def test_equal_votes_give_equal_bytes(
    log: pd.DataFrame, tmp_path: Path, export: str, ending: str
) -> None:
    for name in ("first", "second"):
        write_votes(log, tmp_path / f"{name}{ending}", export=export)
    first, second = (tmp_path / f"{name}{ending}" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_log_without_votes_can_be_written(log: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    write_votes(log.iloc[:0], tmp_path / f"out{ending}")
    assert (tmp_path / f"out{ending}").exists()


def test_a_spreadsheet_runs_nothing(log: pd.DataFrame, tmp_path: Path) -> None:
    log["model_a"] = "=cmd|' /C calc'!A0"
    write_votes(log, tmp_path / "out.csv", export="flat", excel=True)
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["model_a"].iloc[0] == "'=cmd|' /C calc'!A0"
    assert table["response_b"].iloc[0] == "'=1+1"
    assert table["propensity"].iloc[0] == 0.1


def test_a_failed_write_leaves_the_old_file(log: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old", encoding="utf-8")
    log["flags"] = pd.Series([object()] * len(log))  # nothing that JSON can say
    with pytest.raises(TypeError):
        write_votes(log, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.glob("*.part")] == []


@pytest.mark.parametrize(
    ("name", "export", "says"),
    [
        ("out.xlsx", "evenhand", "use one of .parquet, .csv, .jsonl"),
        ("out.csv", "arena-1m", "not one of evenhand"),
        ("folder.csv", "evenhand", "is a folder"),
    ],
)
def test_what_nobody_could_write_is_a_mistake_in_the_command(
    log: pd.DataFrame, tmp_path: Path, name: str, export: str, says: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match=says):
        write_votes(log, tmp_path / name, export=export)
