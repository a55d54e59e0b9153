"""Words: both languages say everything, and the page asks for no sentence that is not there."""

import re
import string

import pytest

from arena.web.shell import HERE
from arena.web.words import LANGUAGE_NAMES, say, words_of


@pytest.mark.parametrize("lang", LANGUAGE_NAMES)
def test_no_sentence_is_missing(lang: str) -> None:
    assert all(sentence.strip() for sentence in words_of(lang).values())


def test_both_languages_fill_in_the_same_values() -> None:
    for key, english in words_of("en").items():
        fields = {name for _, name, _, _ in string.Formatter().parse(english) if name}
        chinese = {name for _, name, _, _ in string.Formatter().parse(say(key, "zh")) if name}
        assert chinese == fields, key


def test_an_unknown_language_reads_english() -> None:
    assert say("send", "xx") == "Send"


def test_every_word_a_template_or_script_asks_for_is_there() -> None:
    asked: set[str] = set()
    for path in (*(HERE / "templates").iterdir(), *(HERE / "assets").glob("*.js")):
        text = path.read_text(encoding="utf-8")
        if path.name in {"battle.html", "shell.html"}:
            asked.update(re.findall(r'data-w(?:-\w+)?="(\w+)"', text))
            asked.update(re.findall(r"\bw\.(\w+)", text))
        if path.suffix == ".js":
            asked.update(re.findall(r'\bsay\("(\w+)"', text))
    assert len(asked) > 40
    assert asked <= set(words_of("en"))


def test_every_word_is_asked_for_somewhere() -> None:
    paths = [path for folder in ("templates", "assets", ".") for path in (HERE / folder).iterdir()]
    said = "\n".join(
        path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in {".html", ".js", ".py"} and path.name != "words.py"
    )
    built = ("nav_", "response_", "nth_", "quantization_", "prompt_", "criteria_")
    for key in words_of("en"):
        assert key.startswith(built) or re.search(rf"\b{key}\b", said), key
