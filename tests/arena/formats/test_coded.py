"""Votes in codes: what a board reads is what everybody reads, however a file comes in pieces."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arena.errors import LogError
from arena.formats import files, read_votes, write_votes
from arena.formats.coded import FAILED, GAVE, UNKNOWN, Coding, read_coded
from arena.shipped import shipped

LOG = shipped("votes/simulated.csv")
NAMES = ("model_a", "model_b", "winner", "judge", "aspect", "rater_kind", "quantization_a")


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIECE", 100)


def stored(folder: Path, **columns: object) -> Path:
    """Write 250 votes with some columns of their own as Parquet."""
    rows = {"model_a": "oak", "model_b": "pine", "winner": "tie", **columns}
    pd.DataFrame(rows, index=range(250)).to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def test_pieces_of_a_parquet_file_hold_what_its_csv_holds(tmp_path: Path) -> None:
    log = read_votes(LOG)
    write_votes(log, tmp_path / "log.parquet")
    coded = read_coded(tmp_path / "log.parquet")
    for name in NAMES:
        pd.testing.assert_series_equal(coded[name].astype("str"), log[name], check_dtype=False)
    pd.testing.assert_frame_equal(coded, read_coded(LOG), check_categorical=False)


def test_names_of_questions_are_told_apart_by_their_hashes() -> None:
    coded, log = read_coded(LOG), read_votes(LOG)
    ours, theirs = (pd.factorize(one["question_id"])[0] for one in (coded, log))
    np.testing.assert_array_equal(ours, theirs)


def test_a_row_at_fault_keeps_its_number_in_a_later_piece(tmp_path: Path) -> None:
    winners = ["tie"] * 230 + ["perhaps"] + ["tie"] * 19
    path = stored(tmp_path, winner=winners)
    with pytest.raises(LogError, match="row 231: winner is 'perhaps'") as coded:
        read_coded(path)
    with pytest.raises(LogError) as plain:
        read_votes(path)
    assert str(coded.value) == str(plain.value)


def test_columns_that_no_board_needs_are_not_looked_at(tmp_path: Path) -> None:
    assert len(read_coded(stored(tmp_path, tstamp="yesterday"))) == 250


def test_names_that_are_numbers_read_alike_in_every_piece(tmp_path: Path) -> None:
    path = stored(tmp_path, judge=[8.0] * 249 + [9.5])
    assert set(read_coded(path)["judge"]) == set(read_votes(path)["judge"]) == {"8.0", "9.5"}


def test_votes_stand_in_their_order_and_not_in_that_of_the_file(tmp_path: Path) -> None:
    path = stored(tmp_path, seq=range(250, 0, -1), judge=[f"r{n}" for n in range(250)])
    assert read_coded(path)["judge"].tolist()[:2] == ["r249", "r248"]


def test_a_log_without_a_vote_has_all_columns(tmp_path: Path) -> None:
    full = stored(tmp_path)
    pd.read_parquet(full).iloc[:0].to_parquet(tmp_path / "none.parquet")
    assert list(read_coded(tmp_path / "none.parquet")) == list(read_coded(full))


def test_no_votes_have_all_columns_and_are_no_part_of_those_that_come() -> None:
    coding, log = Coding(), pd.DataFrame({"model_a": ["oak"], "length_a": [70_000]})
    none = coding.frame()
    coding.add(log)
    assert (len(none), list(none)) == (0, list(coding.frame()))
    assert coding.frame()["model_a"].tolist() == ["oak"]


def test_what_is_known_of_a_response_is_whether_it_failed() -> None:
    coding = Coding()
    ended = pd.Series(["length", "stop", None, None], dtype="str")
    length = pd.Series([5, 0, 7, None], dtype="Int64")
    coding.add(pd.DataFrame({"finish_reason_a": ended, "length_a": length}))
    assert coding.frame()["failed_a"].tolist() == [FAILED, FAILED, GAVE, UNKNOWN]
