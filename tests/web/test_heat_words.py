"""The heat maps' sentences: plotly finds what they ask it for, and none hides one of the page."""

import re

import pytest

from arena.web.board_words import _WORDS, board_words
from arena.web.heat_words import HEAT_WORDS

HOVERS = [key for key in HEAT_WORDS if key.startswith("hover_")]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("key", HOVERS)
def test_a_cell_names_its_models_its_votes_and_its_number(key: str, lang: str) -> None:
    asked = re.findall(r"%\{customdata\[(\d)\]\}", board_words(lang)[key])
    assert sorted(asked) == ["0", "1", "2", "3"]


def test_no_sentence_of_a_heat_map_hides_one_of_the_page() -> None:
    assert _WORDS.keys() & HEAT_WORDS.keys() == set()
