"""Masking: personal data goes, numbers that are something else stay."""

import pandas as pd
import pytest

from arena.formats.masking import mask, masked


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Ask ann.b+c@mail.example.org.", "Ask [e-mail]."),
        ("call +49 30 1234567 now", "call [phone] now"),
        ("(030) 123 45 67", "[phone]"),
        ("我的手机是13812345678", "我的手机是[phone]"),
        ("card 4111 1111 1111 1111", "card [card]"),
        ("the shortest: 4222222222222, +49 30 12345", "the shortest: [card], [phone]"),
        ("the longest: 6304950600000000007, +1 234 567 890 12345", "the longest: [card], [phone]"),
    ],
)
def test_personal_data_is_masked(text: str, without: str) -> None:
    assert mask(text) == without


@pytest.mark.parametrize(
    "text",
    [
        "3.14159265358979",
        "12345678901",
        "on 2024-05-06 and 06.05.2024",
        "100 - 250 / 3 = 16.66",
        "g = 9.80665 m/s2",
        "too short: +49 30 1234",
        "too long: 63049506000000000000, +1 234 567 890 123456",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_a_log_is_masked_in_both_conversations() -> None:
    turns = [{"role": "user", "content": "ann@example.org"}]
    log = masked(pd.DataFrame({"conversation_a": [turns], "conversation_b": [None]}))
    assert log["conversation_a"][0] == [{"role": "user", "content": "[e-mail]"}]
    assert log["conversation_b"][0] is None
