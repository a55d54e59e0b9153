"""No cell of a table is lost, and what is no table stays as it is."""

import pytest

from arena.web.markdown import safe

HEADER = "|a|b|\n|--|:-:|\n"


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        pytest.param("|c|d|", "|c|d|", id="as many as the header has"),
        pytest.param("|c|d|e|f|", r"|c|d\|e\|f|", id="two too many"),
        pytest.param("c|d|e", r"c|d\|e", id="without bars at its ends"),
        pytest.param("||c|d|", r"||c\|d|", id="one empty"),
        pytest.param("| `||` | or |", r"| `\|\|` | or |", id="bars in code"),
        pytest.param(r"|c \| d|e|", r"|c \| d|e|", id="a bar that is escaped"),
        pytest.param(r"| $|x|$ | y |", r"| \(|x|\) | y |", id="bars in a formula"),
        pytest.param("\n|c|d|e|", "\n|c|d|e|", id="the table has ended"),
        pytest.param("- |c|d|e|", "- |c|d|e|", id="a list behind it"),
    ],
)
def test_no_row_has_more_cells_than_the_header(row: str, kept: str) -> None:
    assert safe(HEADER + row) == HEADER + kept


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a|b\n--\nc|d|e", id="a heading"),
        pytest.param("a|b|c\n|-|-|\nc|d|e", id="a header of another width"),
        pytest.param("- ```\n  |a|\n  |-|\n  |b|c|", id="code in a list"),
    ],
)
def test_bars_of_anything_else_stay(text: str) -> None:
    assert safe(text) == text


def test_a_table_in_a_quotation_is_one() -> None:
    assert safe("> |a|\n> |-|\n> |b|c|") == "> |a|\n> |-|\n> |b\\|c|"
