"""Question banks: what is read, then what is refused and in which words, then broken lines."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arena.errors import ConfigError, QuestionBankError
from arena.questions import ASPECTS, LANGUAGES, QuestionBank, load_bank
from arena.shipped import shipped

GOOD: dict[str, Any] = {
    "id": "daily-01",
    "aspect": "daily",
    "text": {"en": "When is noon?", "zh": "正午是几点"},
    "key": {"en": "At 12:00.", "zh": "十二点。"},
}
same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def bank_of(folder: Path, *entries: object) -> Path:
    """Write entries, each as one line: texts and bytes as they are, all else as JSON."""
    path = folder / "bank.jsonl"
    lines = [e if isinstance(e, str | bytes) else json.dumps(e) for e in entries]
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines))
    return path


def refusal(path: Path) -> str:
    """Return the sentence with which a bank is refused."""
    with pytest.raises(QuestionBankError) as caught:
        load_bank(path)
    return str(caught.value)


def reading(path: Path) -> QuestionBank | str:
    """Return the bank, or the sentence with which it is refused."""
    try:
        return load_bank(path)
    except QuestionBankError as error:
        return str(error)


def test_a_bank_gives_its_questions_in_the_order_of_the_file(tmp_path: Path) -> None:
    bank = load_bank(bank_of(tmp_path, GOOD | {"id": "z"}, GOOD | {"id": "a", "aspect": "physics"}))
    assert [q.id for q in bank] == ["z", "a"]
    assert bank.questions[0].text["zh"] == "正午是几点"
    assert bank.questions[0].key["en"] == "At 12:00."


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = bank_of(tmp_path, GOOD)
    bank = load_bank(path)
    assert (bank.name, bank.sha256) == ("bank", hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_bank_without_keys_is_read(tmp_path: Path) -> None:
    entry = {name: value for name, value in GOOD.items() if name != "key"}
    assert load_bank(bank_of(tmp_path, entry)).questions[0].key == {}


def test_byte_order_mark_windows_lines_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode()
    bank = load_bank(bank_of(tmp_path, b"\xef\xbb\xbf" + line + b"\r", b"", b"  "))
    assert [q.id for q in bank] == ["daily-01"]


def test_a_line_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    text = {"en": "one\u2028two\u0085three", "zh": "一\n二"}
    entry = json.dumps(GOOD | {"text": text}, ensure_ascii=False)
    assert load_bank(bank_of(tmp_path, entry)).questions[0].text == text


def test_one_language_is_enough_where_only_one_is_asked_for(tmp_path: Path) -> None:
    path = bank_of(tmp_path, GOOD | {"text": {"en": "Why?"}, "key": {"en": "So."}})
    assert load_bank(path, languages=("en",)).questions[0].text == {"en": "Why?"}
    assert refusal(path).endswith("line 1: text has no 'zh'; add it to text.")


def test_every_aspect_has_a_name_in_every_language() -> None:
    assert len(ASPECTS) == 9
    for names in ASPECTS.values():
        assert tuple(names) == LANGUAGES
        assert all(names.values())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"aspect": "pyhsics"}, "aspect 'pyhsics' is not known", id="unknown aspect"),
        pytest.param({"aspect": "pyhsics"}, "did you mean 'physics'?", id="near an aspect"),
        pytest.param({"id": "a b"}, "id 'a b' is not usable", id="space in an id"),
        pytest.param({"id": "../a"}, "id '../a' is not usable", id="path as an id"),
        pytest.param({"id": "a" * 65}, "up to 64 letters", id="endless id"),
        pytest.param({"id": 7}, "id is a number; write a text", id="number as an id"),
        pytest.param({"id": True}, "id is true or false", id="truth value as an id"),
        pytest.param({"asect": "daily"}, "'asect' (did you mean 'aspect'?)", id="unknown field"),
        pytest.param({"text": "Why?"}, "text is a text; write an object", id="bare text"),
        pytest.param({"text": ["Why?"]}, "text is a list; write an object", id="list of texts"),
        pytest.param({"text": None}, "text is null; write an object", id="null"),
        pytest.param({"text": {"en": "a"}}, "text has no 'zh'; add it", id="missing language"),
        pytest.param({"key": {"zh": "a"}}, "key has no 'en'; add it", id="key lacks a language"),
        pytest.param({"key": {}}, "key has no 'en' and 'zh'; add it", id="empty key"),
        pytest.param(
            {"text": {"en": "a", "zh": "b", "fr": "c"}},
            "unknown language in text: 'fr'; only 'en' and 'zh' are read",
            id="unknown language",
        ),
        pytest.param({"text": {"en": " \n", "zh": "b"}}, "text.en is empty", id="empty text"),
        pytest.param({"text": {"en": {}, "zh": "b"}}, "text.en is an object", id="nested text"),
        pytest.param({"key": {"en": "a", "zh": ""}}, "key.zh is empty", id="empty key text"),
        pytest.param({"text": {"en": "\0", "zh": "b"}}, "holds the character U+0000", id="nul"),
        pytest.param({"text": {"en": "\ud83d", "zh": "b"}}, "character U+D83D", id="half an emoji"),
    ],
)
def test_a_wrong_field_is_refused_with_line_and_field(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    path = bank_of(tmp_path, GOOD | {"id": "first"}, GOOD | change)
    message = refusal(path)
    assert message.startswith(f"{path}, line 2: ")
    assert sentence in message


@pytest.mark.parametrize("name", ["id", "aspect", "text"])
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    entry = {field: value for field, value in GOOD.items() if field != name}
    assert refusal(bank_of(tmp_path, entry)).endswith(f"line 1: {name} is missing; add it.")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        pytest.param('{"id": "a"', "is not JSON (", id="cut off"),
        pytest.param("id,aspect,text", "is not JSON (", id="a CSV file"),
        pytest.param("[1]", "is a list; write an object with 'id'", id="a list"),
        pytest.param("null", "is null; write an object", id="null"),
        pytest.param(b'{"id": "\xff"}', "byte 9 is not UTF-8; save the file as UTF-8", id="bytes"),
        pytest.param('{"id": "a", "id": "b"}', "field 'id' is given twice", id="a name twice"),
        pytest.param("[" * 100_000, "is JSON that no question needs", id="bottomless"),
        pytest.param("9" * 5_000, "is JSON that no question needs", id="endless number"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(
    tmp_path: Path, line: str | bytes, sentence: str
) -> None:
    path = bank_of(tmp_path, GOOD, "", line)
    message = refusal(path)
    assert message.startswith(f"{path}, line 3: ")
    assert sentence in message


def test_an_id_used_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    message = refusal(bank_of(tmp_path, GOOD, GOOD))
    assert message.endswith("line 2: id is that of line 1; give each question its own.")


@pytest.mark.parametrize(
    ("broken", "rest"),
    [(1, ""), (2, "(1 more line has faults.)"), (5, "(4 more lines have faults.)")],
)
def test_further_faults_are_counted(tmp_path: Path, broken: int, rest: str) -> None:
    message = refusal(bank_of(tmp_path, GOOD, *["{"] * broken))
    assert message.endswith(rest)
    assert message.count("more line") == (broken > 1)


def test_a_missing_file_is_named_with_a_way_out(tmp_path: Path) -> None:
    assert "nine.jsonl: there is no such question bank; correct" in refusal(tmp_path / "nine.jsonl")


def test_a_folder_is_no_question_bank(tmp_path: Path) -> None:
    assert "cannot be read (Is a directory)" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(bank_of(tmp_path, content)).endswith("write one JSON object a line.")


def test_a_refused_bank_is_a_matter_of_configuration() -> None:
    assert issubclass(QuestionBankError, ConfigError)
    assert QuestionBankError.exit_status == 2


@same_file
@given(st.binary(max_size=200).filter(lambda line: line.strip() not in (b"", b"\xef\xbb\xbf")))
def test_whatever_bytes_a_line_holds_the_bank_is_refused_in_a_sentence(
    tmp_path: Path, line: bytes
) -> None:
    message = refusal(bank_of(tmp_path, line))
    assert re.search(r"bank\.jsonl, line \d+: ", message)
    assert message.endswith((".", ".)"))


@same_file
@given(st.integers(0, len(json.dumps(GOOD)) - 1), st.characters(codec="utf-8"))
def test_one_changed_character_is_read_or_refused_but_never_mended(
    tmp_path: Path, place: int, character: str
) -> None:
    line = json.dumps(GOOD)
    line = line[:place] + character + line[place + 1 :]
    read = reading(bank_of(tmp_path, line))
    if isinstance(read, str):
        assert re.search(r"bank\.jsonl, line \d: ", read)
    else:
        question = read.questions[0]
        assert json.loads(line) == {name: getattr(question, name) for name in GOOD}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@same_file
@given(st.sampled_from(["id", "aspect", "text", "key"]), json_values)
@example("id", "Q-7")  # which may be: chance hardly ever draws one
def test_a_field_of_any_other_kind_is_refused_by_name(
    tmp_path: Path, name: str, value: object
) -> None:
    read = reading(bank_of(tmp_path, GOOD | {name: value}))
    if isinstance(read, str):
        assert re.search(rf"line 1: .*\b{name}\b", read)
    else:
        assert (name, read.questions[0].id) == ("id", value)
        assert re.fullmatch(r"[A-Za-z0-9._-]+", str(value))


def test_the_bank_that_ships_is_read() -> None:
    assert len(load_bank(shipped("questions/nine-aspects.jsonl"))) == 50
