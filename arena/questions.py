"""Question banks: JSON lines, one question a line, in every language the page speaks.

A line holds `id`, `aspect`, `text` and, where the bank has them, `key`: what a good response must
contain. `text` and `key` hold one text for each language. Nothing is guessed or mended: a bank is
used whole or refused with the line, the field and the way out, because a question that silently
went missing would be found only in the paper. Who is shown which question is not known here.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from arena.errors import QuestionBankError

LANGUAGES: Final = ("en", "zh")

ASPECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "daily": {"en": "Daily question answering", "zh": "日常问答"},
    "writing": {"en": "Writing", "zh": "写作"},
    "reasoning": {"en": "Reasoning", "zh": "推理"},
    "programming": {"en": "Programming", "zh": "编程"},
    "mathematics": {"en": "Mathematics", "zh": "数学"},
    "physics": {"en": "Physics", "zh": "物理"},
    "chemistry": {"en": "Chemistry", "zh": "化学"},
    "biology": {"en": "Biology", "zh": "生物"},
    "harmful": {"en": "Detection of harmful content", "zh": "有害内容识别"},
}

_FIELDS: Final = ("id", "aspect", "text", "key")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# What a page cannot show and a database may refuse: control characters and halves of a character.
_UNSHOWABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Question:
    """One entry of a bank; `key` is empty where the bank does not say what a response needs."""

    id: str
    aspect: str
    text: Mapping[str, str] = field(hash=False)
    key: Mapping[str, str] = field(hash=False, default_factory=dict)


@dataclass(frozen=True)
class QuestionBank:
    """The questions of one file, in its order; `sha256` is that of the file's bytes."""

    name: str
    sha256: str
    questions: tuple[Question, ...]

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        """Go through the questions in the order of the file."""
        return iter(self.questions)


def load_bank(path: str | Path, *, languages: Sequence[str] = LANGUAGES) -> QuestionBank:
    """Read a question bank in which every question speaks all of `languages`.

    Raises
    ------
    QuestionBankError
        If the file cannot be read, holds no question, or one of its lines cannot be used.
    """
    path = Path(path)
    content = _content(path)
    questions: list[Question] = []
    lines_of_ids: dict[str, int] = {}
    faults: list[str] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            question = _question(line, languages)
            _refuse_taken(lines_of_ids.setdefault(question.id, number), number)
            questions.append(question)
        except _Fault as fault:
            faults.append(f"{path}, line {number}: {fault}")
    if faults:
        rest = len(faults) - 1
        more = f" ({rest} more line{'s have' if rest > 1 else ' has'} faults.)" if rest else ""
        raise QuestionBankError(faults[0] + more)
    if not questions:
        raise QuestionBankError(f"{path}: holds no question; write one JSON object a line.")
    return QuestionBank(path.stem, hashlib.sha256(content).hexdigest(), tuple(questions))


class _Fault(Exception):
    """What is wrong with one line; the file and the number are put before it."""


def _content(path: Path) -> bytes:
    """Return the bytes of the file, or say why there are none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise QuestionBankError(
            f"{path}: there is no such question bank; correct the path."
        ) from None
    except OSError as error:
        raise QuestionBankError(
            f"{path}: cannot be read ({error.strerror}); name a file of JSON lines."
        ) from error


def _question(line: bytes, languages: Sequence[str]) -> Question:
    """Return the question that a line holds."""
    entry = _json(line)
    if not isinstance(entry, dict):
        raise _Fault(f"is {_kind(entry)}; write an object with {_listed(_FIELDS)}.")
    _refuse_unknown(entry, _FIELDS, "field")
    question_id = _text(entry, "id")
    if not _ID.fullmatch(question_id):
        raise _Fault(
            f"id {_short(question_id)} is not usable; take up to 64 letters, digits, '.', '_' and "
            "'-', beginning with a letter or digit."
        )
    aspect = _text(entry, "aspect")
    if aspect not in ASPECTS:
        raise _Fault(
            f"aspect {_short(aspect)} is not known{_nearest(aspect, ASPECTS)}; "
            f"take one of {_listed(ASPECTS)}."
        )
    text = _texts(entry, "text", languages)
    key = _texts(entry, "key", languages) if "key" in entry else {}
    return Question(question_id, aspect, text, key)


def _json(line: bytes) -> object:
    """Return what a line says as JSON; a name given twice is an error, not the last one's win."""
    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise _Fault(f"byte {error.start + 1} is not UTF-8; save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise _Fault(
            f"is not JSON ({error.msg} at character {error.pos + 1}); "
            "each line must hold one whole object."
        ) from None
    except (ValueError, RecursionError):
        raise _Fault("is JSON that no question needs; write plain texts.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for name, value in pairs:
        if name in entry:
            raise _Fault(f"field {_short(name)} is given twice; keep one.")
        entry[name] = value
    return entry


def _refuse_taken(first: int, number: int) -> None:
    if first != number:
        raise _Fault(f"id is that of line {first}; give each question its own.")


def _texts(entry: Mapping[str, Any], name: str, languages: Sequence[str]) -> dict[str, str]:
    """Return the texts of one field, by language."""
    texts = _present(entry, name)
    if not isinstance(texts, dict):
        raise _Fault(f"{name} is {_kind(texts)}; write an object with {_listed(languages)}.")
    _refuse_unknown(texts, LANGUAGES, f"language in {name}:")
    if missing := [language for language in languages if language not in texts]:
        raise _Fault(f"{name} has no {_listed(missing)}; add it to {name}.")
    return {language: _text(texts, language, within=f"{name}.") for language in texts}


def _text(entry: Mapping[str, Any], name: str, *, within: str = "") -> str:
    """Return a text that says something."""
    text = _present(entry, name)
    if not isinstance(text, str):
        raise _Fault(f"{within}{name} is {_kind(text)}; write a text in quotes.")
    if not text.strip():
        raise _Fault(f"{within}{name} is empty; write it out, or take the line away.")
    if found := _UNSHOWABLE.search(text):
        raise _Fault(
            f"{within}{name} holds the character U+{ord(found[0]):04X}, which no page can show; "
            "take it out."
        )
    return text


def _present(entry: Mapping[str, Any], name: str) -> object:
    if name not in entry:
        raise _Fault(f"{name} is missing; add it.")
    return entry[name]


def _refuse_unknown(entry: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for name in entry:
        if name not in known:
            raise _Fault(
                f"unknown {what} {_short(name)}{_nearest(name, known)}; "
                f"only {_listed(known)} are read."
            )


def _nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:40], list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _short(text: str) -> str:
    """Return the text in quotes, cut so that a message stays a sentence."""
    return repr(text if len(text) <= 40 else text[:39] + "...")  # noqa: PLR2004


def _listed(names: Mapping[str, object] | Sequence[str]) -> str:
    *most, last = [repr(name) for name in names]
    return f"{', '.join(most)} and {last}" if most else last


def _kind(value: object) -> str:
    """Say in words what JSON value this is."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
