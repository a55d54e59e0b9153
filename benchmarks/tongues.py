"""Two scripts: what is asked in each, what is said, and how long the tokens of it are.

A token of Chinese has far fewer bytes here than one of English, as with tokenizers that know few
Chinese words. Who asks, and how fast tokens come, is not known here.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TEXTS: Final = 24  # in each script


@dataclass(frozen=True)
class Script:
    """A script: what is asked in it, of what texts are made, and how long its tokens are."""

    name: str
    prompt: str
    words: Sequence[str]
    between: str
    characters: int
    """Of a token: a letter is one byte, a Chinese character three."""


ENGLISH: Final = Script(
    "English",
    "Why is it so?",
    ("ice", "floats", "since", "it", "is", "lighter", "than", "water", "and", "bats"),
    " ",
    8,
)
CHINESE: Final = Script(
    "Chinese",
    "为什么会这样？",
    ("冰", "会浮", "因为", "它", "比", "水", "轻", "而", "蝙蝠", "不会"),
    "",
    1,
)
SCRIPTS: Final = (ENGLISH, CHINESE)


def texts(source: random.Random, script: Script, shortest: int, longest: int) -> list[str]:
    """Return texts of so many tokens; every model may say each of them."""
    found = []
    for _ in range(TEXTS):
        length = script.characters * source.randint(shortest, longest)
        words = script.between.join(source.choices(script.words, k=length))
        found.append(words[:length].strip())
    return found
