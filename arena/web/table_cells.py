"""Keeps every cell of a table in a response.

The renderer leaves out the cells for which the header has no column, and takes a bar in code for
the end of a cell: of "| `||` | logical or |" it shows a lone backtick. So where a row of a table
has too many cells, bars in its code are escaped, and then those before what is too much: it stands
in the last cell, with its bars.
"""

import re
from typing import Final

_HELD: Final = "\ue0f3"  # stands in formulas alone, see arena.web.markdown
_DELIMITERS: Final = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_OTHER_BLOCK: Final = re.compile(r"[ \t>]*(?:$|[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]|`{3}|~{3})")
_FENCE: Final = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:`{3}|~{3})")
# The renderer has taken the formulas out before it looks for tables.
_BARS: Final = re.compile(
    rf"\\{_HELD}\(.*?\\\)|\\{_HELD}\[.*?\\\]|\${_HELD}\$.*?\${_HELD}\$|\\.|(?P<bar>\|)"
)
_CODE: Final = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_LONGEST: Final = 2000  # characters of a row in which code is looked for


def with_all_cells(text: str) -> str:
    """Return Markdown of which each row of a table has no more cells than its header."""
    lines = text.split("\n")
    columns, is_code = 0, False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            is_code = not is_code
        if is_code or _OTHER_BLOCK.match(line):
            columns = 0
        elif columns:
            lines[number] = _row(line, columns)
        elif number and _is_below_header(line, lines[number - 1]):
            columns = len(_ends(line)) + 1
    return "\n".join(lines)


def _is_below_header(line: str, header: str) -> bool:
    return (
        "|" in line
        and _DELIMITERS.fullmatch(line) is not None
        and len(_ends(line)) == len(_ends(header))
    )


def _ends(row: str) -> list[int]:
    """Return where cells end, but for the last one."""
    bars = [found.start() for found in _BARS.finditer(row) if found["bar"]]
    first = len(row) - len(row.lstrip(" \t>"))
    last = len(row.rstrip()) - 1
    return [bar for bar in bars if first < bar < last]


def _row(row: str, columns: int) -> str:
    if len(_ends(row)) >= columns and len(row) < _LONGEST:
        row = _CODE.sub(lambda code: re.sub(r"(?<!\\)\|", r"\\|", code[0]), row)
    for bar in reversed(_ends(row)[columns - 1 :]):
        row = f"{row[:bar]}\\{row[bar:]}"
    return row
