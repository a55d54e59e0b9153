"""JSON of strangers: what is said, and one kind of error for whatever is wrong."""

import re

import pytest

from arena.formats.decoding import decoded, reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(r'["\ud83d\ude00"]', ["\U0001f600"], id="a whole character"),
        pytest.param(r'["a\ud83d"]', ["a\N{REPLACEMENT CHARACTER}"], id="its first half"),
        pytest.param(r'{"\uDE00": 1}', {"\N{REPLACEMENT CHARACTER}": 1}, id="its second half"),
        pytest.param(r'["\\ud83d"]', [r"\ud83d"], id="how it is written"),
        pytest.param(
            r'["\\ud83d\ude00"]',
            ["\\ud83d\N{REPLACEMENT CHARACTER}"],
            id="how the first is written, and the second",
        ),
        pytest.param(r'["\\\ud83d\ude00"]', ["\\\U0001f600"], id="a whole one behind a backslash"),
    ],
)
def test_half_a_character_is_marked_as_lost(text: str, said: object) -> None:
    assert decoded(text) == said


def test_whole_characters_that_are_written_as_halves_cost_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("arena.formats.decoding._whole")  # goes through all that is said
    assert decoded(r'{"\ud83d\ude00": ["\uD83D\uDE00\ud83d\ude00"]}') == {"😀": ["😀😀"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("{", "Expecting property name enclosed in double quotes", id="cut"),
        pytest.param("[" * 100_000, "too many brackets within each other", id="brackets"),
        pytest.param("9" * 5_000, "Exceeds the limit (4300 digits)", id="digits"),
    ],
)
def test_whatever_is_wrong_is_one_kind_of_error(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        decoded(text)
    assert reason(caught.value).startswith(why)
