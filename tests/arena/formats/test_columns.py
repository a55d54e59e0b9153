"""Columns of the vote log: a number that cannot be is refused, and none changes on the way."""

import json
from pathlib import Path

import pytest

from arena.errors import LogError
from arena.formats import read_votes
from arena.formats.reading import read_log


def line(path: Path, **said: object) -> Path:
    vote = {"model_a": "oak", "model_b": "pine", "winner": "tie"}
    path.write_text(json.dumps(vote | said) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", "99999999999999999999999"),
        ("seq", str(2**64 - 1)),
        ("length_a", "inf"),
        ("tstamp", "-inf"),
        ("tstamp", "1700000000000"),  # milliseconds
        ("propensity", "inf"),
    ],
)
def test_a_number_that_cannot_be_is_refused(tmp_path: Path, field: str, value: str) -> None:
    path = tmp_path / "v.csv"
    path.write_text(f"model_a,model_b,winner,{field}\noak,pine,tie,{value}\n", encoding="utf-8")
    with pytest.raises(LogError, match=f"line 2: {field} is '"):
        read_votes(path)


@pytest.mark.parametrize("bad", ["yesterday", "2025-06-31"])
def test_of_many_dates_the_one_that_is_none_is_named(tmp_path: Path, bad: str) -> None:
    times = [*["2025-06-01T10:00:00+02:00"] * 30, bad, "", "2025-06-02"]
    rows = "".join(f"oak,pine,tie,{time}\n" for time in times)
    (tmp_path / "v.csv").write_text(f"model_a,model_b,winner,tstamp\n{rows}", encoding="utf-8")
    with pytest.raises(LogError, match=f"line 32: tstamp is '{bad}'"):
        read_votes(tmp_path / "v.csv")
    votes = read_log(tmp_path / "v.csv", skip_bad=True).votes["tstamp"]
    assert list(votes.dropna()) == [1748764800.0] * 30 + [1748822400.0]


@pytest.mark.parametrize("value", [10**30, float("inf"), 2**64 - 1])
def test_a_number_of_json_that_cannot_be_is_refused(tmp_path: Path, value: float) -> None:
    path = line(tmp_path / "v.jsonl", seq=value)
    with pytest.raises(LogError, match="line 1: seq is '"):
        read_votes(path)


def test_the_largest_whole_number_is_kept_to_the_last_digit(tmp_path: Path) -> None:
    path = line(tmp_path / "v.jsonl", seq=2**63 - 1)
    assert list(read_votes(path)["seq"]) == [2**63 - 1]


def test_spaces_around_a_name_make_no_other_model(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("model_a,model_b,winner\noak ,pine,tie\n pine,oak,tie\n", encoding="utf-8")
    votes = read_votes(path)
    assert {*votes["model_a"], *votes["model_b"]} == {"oak", "pine"}


def test_a_model_does_not_meet_itself_by_a_space(tmp_path: Path) -> None:
    path = line(tmp_path / "v.jsonl", model_b="oak ")
    with pytest.raises(LogError, match="line 1: model_a and model_b are both 'oak'"):
        read_votes(path)
