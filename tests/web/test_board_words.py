"""The leaderboard's sentences: the same ones, with the same gaps, in both languages."""

import re

from arena.web.board_words import board_words

GAP = re.compile(r"%?\{\w+(?:\[\d\])?\}")


def test_both_languages_fill_in_the_same_gaps() -> None:
    english, chinese = board_words("en"), board_words("zh")
    gaps = {key: sorted(GAP.findall(said)) for key, said in english.items()}
    assert gaps == {key: sorted(GAP.findall(said)) for key, said in chinese.items()}


def test_chinese_is_chinese() -> None:
    spoken = board_words("zh")
    assert [k for k, said in spoken.items() if not re.search(r"[\u3000-\uffef]", said)] == []


def test_an_unknown_language_reads_english() -> None:
    assert board_words("fr") == board_words("en")
