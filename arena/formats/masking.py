"""Personal data out of a log that others will read: e-mail addresses, telephone and card numbers.

A pattern finds what looks like such data, not what is: read an export before you publish it.
"""

import re
from typing import Final

import pandas as pd

from arena.formats.columns import CONVERSATIONS

_CARD_DIGITS: Final = range(13, 20)  # lengths of card numbers
_PHONE_DIGITS: Final = range(9, 16)  # lengths of telephone numbers, country code included

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER: Final = re.compile(r"(?<![\w.])\+?\(?\d[\d ()./-]{7,24}\d(?![\w.]?\d)")
_MOBILE: Final = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")  # China, written without a separator
_DATE: Final = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")


def mask(text: str) -> str:
    """Return `text` with what looks like personal data replaced by a word in brackets.

    Examples
    --------
    >>> mask("Write to ann@example.org or call +49 30 1234567.")
    'Write to [e-mail] or call [phone].'
    """
    text = _EMAIL.sub("[e-mail]", text)
    text = _MOBILE.sub("[phone]", text)
    return _NUMBER.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    said = found.group()
    digits = re.sub(r"\D", "", said)
    if len(digits) in _CARD_DIGITS and _checks_out(digits):
        return "[card]"
    written_as_phone = said.startswith(("+", "(", "00")) or " " in said or "-" in said
    arithmetic = re.search(r"\s[-/]\s|[./]{2}", said)
    if _DATE.search(said) or arithmetic or not written_as_phone:
        return said
    return "[phone]" if len(digits) in _PHONE_DIGITS else said


def _checks_out(digits: str) -> bool:
    """Return whether the last digit is the check digit of a card number (Luhn)."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004  # decimal


def masked(log: pd.DataFrame) -> pd.DataFrame:
    """Return a log whose conversations are masked."""
    texts = {
        name: pd.Series([_turns(turns) for turns in log[name]], index=log.index, dtype=object)
        for name in CONVERSATIONS
        if name in log
    }
    return log.assign(**texts)


def _turns(turns: object) -> object:
    if not isinstance(turns, list):
        return None
    return [{**turn, "content": mask(turn["content"])} for turn in turns]
