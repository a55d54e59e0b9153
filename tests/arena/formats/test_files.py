"""Tables on disk: what cannot be read is told with its line, whatever stands around it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from arena.errors import LogError
from arena.formats import read_votes
from arena.formats.coded import read_coded


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_beside_a_long_conversation_is_told_by_its_line(tmp_path: Path) -> None:
    long = "x" * 200_000  # more than the csv module reads unasked
    path = written(
        tmp_path / "v.csv", f"model_a,model_b,winner,prompt\noak,pine,tie,{long}\noak,pine,win,x\n"
    )
    with pytest.raises(LogError, match="line 3: winner is 'win'"):
        read_votes(path)


def test_blank_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", "\n\nmodel_a;model_b;winner\noak;pine;tie\noak;pine;win\n")
    with pytest.raises(LogError, match="line 5: winner is 'win'"):
        read_votes(path)


def test_what_a_spreadsheet_saves_as_unicode_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("model_a,model_b,winner\noak,pine,tie\n", encoding="utf-16")
    with pytest.raises(LogError, match="line 1 is not UTF-8; save the file as UTF-8"):
        read_votes(path)


@pytest.mark.parametrize("name", ["v.jsonl", "v.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '[{"seq": ' + "9" * 5_000 + "}]"])
def test_json_that_is_too_much_is_told(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(LogError, match=r"line.* is not JSON"):
        read_votes(written(tmp_path / name, text))


PAGE: Final = b"oakpine"  # what stands in a page; the footer is whole


def damaged(path: Path, old: bytes, new: bytes) -> Path:
    """Write votes as Parquet, and something else in the place of some bytes of the file."""
    votes = pd.DataFrame({"model_a": ["oakpine"], "model_b": ["elm"], "winner": ["tie"]})
    votes.to_parquet(path, compression=None, use_dictionary=False, write_statistics=False)
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new))
    return path


@pytest.mark.parametrize("read", [read_votes, read_coded])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(PAGE, b"\xffakpine", id="text that is none"),
        pytest.param(b"PAR1\x15", b"PAR1\xff", id="a page without a head"),
        pytest.param(b"model_a", b"\xffodel_a", id="a name that is none"),
    ],
)
def test_damaged_parquet_is_told_with_its_name(
    tmp_path: Path, read: Callable[[Path], object], old: bytes, new: bytes
) -> None:
    path = damaged(tmp_path / "v.parquet", old, new)
    said = f"^{re.escape(str(path))}: this is not a Parquet file that can be read"
    with pytest.raises(LogError, match=said):
        read(path)


def test_what_pandas_notes_in_parquet_may_be_damaged(tmp_path: Path) -> None:
    path = damaged(tmp_path / "v.parquet", b'{"index_columns"', b'?"index_columns"')
    assert list(read_votes(path)["model_a"]) == ["oakpine"]
