"""Text piece by piece equals text at once, whatever the pieces."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.text import Decoder, Trimmer, is_ascii


def trimmed(pieces: list[str], trimmer: Trimmer) -> str:
    """Pass pieces through a trimmer as an engine does."""
    said = "".join(trimmer.add(piece) for piece in pieces)
    return said + trimmer.finish()


def test_a_stop_string_over_three_pieces_is_cut_with_all_that_follows() -> None:
    trimmer = Trimmer(stop=["Tokyo"])
    assert trimmed(["It is To", "ky", "o. And more", " text"], trimmer) == "It is "
    assert trimmer.stopped


def test_the_earliest_of_several_stop_strings_counts() -> None:
    assert trimmed(["one User: two Bot: three"], Trimmer(stop=["Bot:", "User:"])) == "one "


def test_what_only_began_like_a_stop_string_is_given_back() -> None:
    trimmer = Trimmer(stop=["User:"])
    assert trimmer.add("the Use") == "the "
    assert trimmer.add("ful end") == "Useful end"
    assert trimmed(["ends in Us"], trimmer) == "ends in Us"


def test_spelled_out_special_tokens_are_removed_even_when_nested() -> None:
    trimmer = Trimmer(special=["<|end|>", "<s>"])
    assert trimmed(["a<|e", "nd|>b<|<s>end|>c"], trimmer) == "abc"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        pytest.param(["<a>b"], "b", id="a special token is gone before the stop string ends"),
        pytest.param(["<<", "a>a>"], "", id="what a special token parted is joined"),
        pytest.param(["a<", "a>>bc"], "", id="also to a stop string"),
    ],
)
def test_words_that_overlap_are_the_same_in_any_pieces(pieces: list[str], text: str) -> None:
    for parts in (pieces, ["".join(pieces)], list("".join(pieces))):
        assert trimmed(parts, Trimmer(stop=["a>b"], special=["<a>"])) == text


def test_a_stop_string_that_is_a_special_token_still_stops() -> None:
    trimmer = Trimmer(stop=["<|end|>"], special=["<|end|>", "<s>"])
    assert trimmed(["a<s>b<|en", "d|>c"], trimmer) == "ab"


def test_nul_is_dropped() -> None:
    assert trimmed(["a\x00b", "\x00"], Trimmer()) == "ab"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        pytest.param(["\ud83d", "\ude00!"], "\U0001f600!", id="two halves become one character"),
        pytest.param(["a\ude00b"], "a\ufffdb", id="a lone half becomes a mark"),
    ],
)
def test_halves_of_characters_never_pass(pieces: list[str], text: str) -> None:
    assert trimmed(pieces, Trimmer()) == text


@given(st.lists(st.text("ab<>|", max_size=5), max_size=12))
def test_pieces_do_not_matter(pieces: list[str]) -> None:
    def fresh() -> Trimmer:
        return Trimmer(stop=["a>b", "||"], special=["<a>"])

    assert trimmed(pieces, fresh()) == trimmed(["".join(pieces)], fresh())


@given(st.lists(st.text("ab<>|", max_size=5), max_size=12))
def test_no_stop_string_and_no_special_token_is_left(pieces: list[str]) -> None:
    said = trimmed(pieces, Trimmer(stop=["a>b"], special=["<a>"]))
    assert "a>b" not in said
    assert "<a>" not in said


@given(st.text("ab", max_size=40))
def test_what_was_released_long_ago_is_forgotten_without_a_trace(text: str) -> None:
    def words(tidy: int) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("serving.text.TIDY", tidy)
            trimmer = Trimmer(stop=["aabab"], special=["abb", "bbba"])
            return [*map(trimmer.add, text), trimmer.finish()]

    assert words(2) == words(1000)


def seconds(stop: str, text: str) -> float:
    trimmer = Trimmer(stop=[stop])
    begun = time.process_time()
    trimmer.add(text)
    return time.process_time() - begun


def test_a_long_stop_string_takes_little_longer_than_a_short_one() -> None:
    text = "a" * 20_000
    assert seconds("a" * 200 + "b", text) < 20 * seconds("ab", text)


def test_a_character_of_several_tokens_comes_whole(checkpoint: Path) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415 -- heavy

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    ids = tokenizer("π ≈ 你好 🙂", add_special_tokens=False)["input_ids"]
    decoder = Decoder(tokenizer.backend_tokenizer)
    pieces = [decoder.add([token]) for token in ids]
    assert "".join(pieces) == "π ≈ 你好 🙂"
    assert not any("\ufffd" in piece for piece in pieces)
    assert len([piece for piece in pieces if piece]) == len("π ≈ 你好 🙂")


def test_special_tokens_are_not_decoded(checkpoint: Path) -> None:
    from transformers import AutoTokenizer  # noqa: PLC0415 -- heavy

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    ids = tokenizer("a<|im_end|>b", add_special_tokens=False)["input_ids"]
    assert 2 in ids
    assert Decoder(tokenizer.backend_tokenizer).add(ids) == "ab"


def test_a_foreign_word_makes_no_other_script() -> None:
    assert is_ascii("What does 冰 mean, and how is naïveté spelled?")
    assert not is_ascii("冰 (ice) 为什么会浮？")
