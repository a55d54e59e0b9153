"""Conversations: a list of `{"role", "content"}`, however a format packs it.

A conversation that cannot be understood is missing, never an error: the vote stands without it.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from arena.formats.decoding import decoded

Turns = list[dict[str, str]]


def understood(value: Any) -> Turns | None:  # noqa: ANN401  # whatever a file holds there
    """Return a conversation from a list of turns or from the JSON text of one."""
    if isinstance(value, str):
        value = _decoded(value)
    if not _is_list(value):
        return None
    turns = [turn for turn in value if isinstance(turn, dict)]
    return [{"role": str(t.get("role")), "content": _content(t.get("content"))} for t in turns]


def _decoded(text: str) -> Any:  # noqa: ANN401  # any JSON
    try:
        return decoded(text)
    except ValueError:
        return None


def _is_list(value: Any) -> bool:  # noqa: ANN401  # Parquet's lists come as arrays
    return isinstance(value, Iterable) and not isinstance(value, str | dict)


def _content(content: Any) -> str:  # noqa: ANN401  # text, or the parts of the 140k set
    if content is None or not _is_list(content):
        return "" if content is None else str(content)
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(str(part) for part in parts if part)


def joined(prompts: Any, responses: Any) -> Turns | None:  # noqa: ANN401  # texts, or lists of them
    """Return a conversation from a prompt and a response, or from a list of each."""
    asked, said = _texts(prompts), _texts(responses)
    if asked is None or said is None:
        return None
    turns: Turns = []
    for prompt, response in zip(asked, said, strict=False):
        turns.append({"role": "user", "content": prompt})
        turns.append({"role": "assistant", "content": response})
    return turns


def _texts(value: Any) -> list[str] | None:  # noqa: ANN401  # a text, or a list
    if isinstance(value, str):
        value = [value]
    if not _is_list(value):
        return None
    return [str(text or "") for text in value]


def _unpacked(value: Any) -> Any:  # noqa: ANN401  # as above
    """Return the list that a JSON text holds, as the 55k set has its turns; all else as it is."""
    said = _decoded(value) if isinstance(value, str) else value
    return said if isinstance(said, list) else value


def said_by(turns: Turns | None, role: str) -> list[str]:
    """Return what `role` said, turn by turn; nothing where the conversation is missing."""
    if not isinstance(turns, list):  # a frame may hold NaN there
        return []
    return [turn["content"] for turn in turns if turn["role"] == role]


def filled(log: pd.DataFrame) -> pd.DataFrame:
    """Return a log with both conversations as lists of turns, from whatever its family left."""
    log = log.copy()
    for seat in ("a", "b"):
        name, response, packed = f"conversation_{seat}", f"response_{seat}", f"responses_{seat}"
        if name in log:
            turns = [understood(value) for value in log[name]]
        elif {"prompts", packed} <= set(log):
            both = zip(log["prompts"].map(_unpacked), log[packed].map(_unpacked), strict=True)
            turns = [joined(prompts, responses) for prompts, responses in both]
        elif {"prompt", response} <= set(log):
            turns = [joined(p, r) for p, r in zip(log["prompt"], log[response], strict=True)]
        else:
            continue
        log[name] = pd.Series(turns, index=log.index, dtype=object)
    return log
