"""Tables on disk: what cannot be read is told with its line, whatever stands around it."""

from pathlib import Path

import pytest

from arena.errors import LogError
from arena.formats import read_votes


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
