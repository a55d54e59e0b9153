"""The public formats: which columns tell them apart, and how each says the same vote.

A family gets the columns of a file as they stand there and returns them under the names of our
log; an outcome that it does not know goes through as it is, for `arena.formats.columns` to refuse.
Where the file is and how it is written on disk is not known here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd

from arena.formats.columns import CONVERSATIONS, OUTCOMES, as_text, each_once
from arena.formats.languages import code_of

# Both ways in which the public sets spell "both are bad", and the one that other tools use.
SPELLINGS: Final = {
    **{outcome: outcome for outcome in OUTCOMES},
    "tie (bothbad)": "both_bad",
    "tie (both bad)": "both_bad",
    "bothbad": "both_bad",
}
SEATS: Final = {"left": "model_a", "right": "model_b", "tie": "tie", "both_bad": "both_bad"}


@dataclass(frozen=True)
class Family:
    """One format: its name, the columns that give it away, and how its rows read.

    `row_by_row` says whether a row reads the same without the others.
    """

    name: str
    marks: frozenset[str]
    read: Callable[[pd.DataFrame], pd.DataFrame]
    row_by_row: bool = True


def _respelled(winner: "pd.Series[Any]", spellings: dict[str, str]) -> "pd.Series[str]":
    return each_once(as_text(winner), lambda said: spellings.get(said, said))


def _renamed(raw: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Return `raw` with some columns under our names; a column that has our name already wins."""
    wanted = {old: new for old, new in names.items() if old in raw and new not in raw}
    return raw.rename(columns=wanted)


def _named(names: dict[str, str], raw: pd.DataFrame) -> pd.DataFrame:
    """Read a log whose columns are ours, some under another name."""
    log = _renamed(raw, names).copy()
    log["winner"] = _respelled(log["winner"], SPELLINGS)
    if "language" in log:
        log["language"] = each_once(as_text(log["language"]), code_of)
    return log


# Our own log, the 33k and the 100k set.
_public: Final = partial(_named, {"judge_hash": "judge"})
# The 140k set: no rater, the row's id for a question's, a date for seconds.
_arena_140k: Final = partial(_named, {"id": "question_id", "timestamp": "tstamp"})


def _arena_55k(raw: pd.DataFrame) -> pd.DataFrame:
    """Read the 55k set: one column for each outcome, both ties in one, turns in lists."""
    packed = {"prompt": "prompts", "response_a": "responses_a", "response_b": "responses_b"}
    log = _renamed(raw, {"id": "question_id", **packed}).copy()
    marks = {"winner_model_a": "model_a", "winner_model_b": "model_b", "winner_tie": "tie"}
    said = pd.DataFrame({name: as_text(raw[name]) for name in marks}, index=raw.index)
    sums = "winner_model_a " + said["winner_model_a"] + ", winner_model_b "
    sums = sums + said["winner_model_b"] + ", winner_tie " + said["winner_tie"]
    winner = sums.astype("str")  # what a row that marks none or two of them is shown as
    proper = said.isin(["0", "1"]).all(axis=1) & ((said == "1").sum(axis=1) == 1)
    for column, outcome in marks.items():
        winner = winner.mask(proper & (said[column] == "1"), outcome)
    log["winner"] = winner
    return log


def _crowd(raw: pd.DataFrame) -> pd.DataFrame:
    """Read crowd comparisons: left and right, the pair's id, the prompt's number, the worker."""
    log = pd.DataFrame({"model_a": raw["left"], "model_b": raw["right"]}, index=raw.index)
    log["winner"] = _respelled(raw["winner"], SEATS)
    names = {"prompt": "question_id", "id": "item_id", "worker": "judge"}
    for theirs, ours in names.items():
        if theirs in raw:
            log[ours] = raw[theirs]
    return log


_FASTCHAT_VOTES: Final = {
    "leftvote": "model_a",
    "rightvote": "model_b",
    "tievote": "tie",
    "bothbad_vote": "both_bad",
}


def _fastchat(raw: pd.DataFrame) -> pd.DataFrame:
    """Read FastChat's raw log: one line an event, of which the votes are ours; both states in full.

    Raters are counted by address, as its own cleaning does, so no address reaches our log.
    """
    events = raw[as_text(raw["type"]).isin(_FASTCHAT_VOTES)]
    rows = [_fastchat_event(event) for event in events.to_dict("records")]
    log = pd.DataFrame(rows, index=events.index)
    if "ip" in events and len(log):
        order = pd.factorize(as_text(events["ip"]))[0]
        judge = pd.Series([f"arena_user_{number}" for number in order], index=log.index)
        log["judge"] = judge.mask(order < 0)
    return log


def _fastchat_event(event: dict[Any, Any]) -> dict[str, Any]:
    """Return the vote of an event, without names where they cannot be read: that is refused."""
    try:
        return _fastchat_vote(event)
    except (AttributeError, LookupError, TypeError, ValueError):
        return {"winner": _FASTCHAT_VOTES[event["type"]], "model_a": None, "model_b": None}


def _fastchat_vote(event: dict[Any, Any]) -> dict[str, Any]:
    states = event.get("states") or [{}, {}]
    shown = event.get("models") or ["", ""]
    # after a reveal the shown names read "### Model A: x", so the states speak first
    names = [
        (state or {}).get("model_name") or str(name or "").split(": ", 1)[-1]
        for state, name in zip(states, shown, strict=True)
    ]
    talks = [_fastchat_talk(state or {}) for state in states]
    return {
        "question_id": (states[0] or {}).get("conv_id"),
        "model_a": names[0],
        "model_b": names[1],
        "winner": _FASTCHAT_VOTES[event["type"]],
        "conversation_a": talks[0],
        "conversation_b": talks[1],
        "turn": len(talks[0]) // 2 or None,
        "anony": not shown[0] or str(shown[0]).startswith("### Model"),
        "tstamp": event.get("tstamp"),
    }


def _fastchat_talk(state: dict[str, Any]) -> list[dict[str, str]]:
    said = (state.get("messages") or [])[state.get("offset") or 0 :]
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": text or ""} for n, (_, text) in enumerate(said)]


FAMILIES: Final = (  # the first whose marks are all there reads the file
    Family("fastchat", frozenset({"type", "models", "states"}), _fastchat, row_by_row=False),
    Family(
        "arena-55k",
        frozenset({"model_a", "model_b", "winner_model_a", "winner_model_b", "winner_tie"}),
        _arena_55k,
    ),
    Family(
        "arena-140k",
        frozenset({"id", "model_a", "model_b", "winner", "evaluation_order"}),
        _arena_140k,
    ),
    Family("public", frozenset({"model_a", "model_b", "winner"}), _public),
    Family("crowd", frozenset({"left", "right", "winner"}), _crowd),
)

# A file of JSON lines without a line: nobody has voted yet.
EMPTY: Final = Family("empty", frozenset(), lambda raw: raw)

# Every column that some family reads; a reader of files may leave all others on disk.
NEEDED: Final = frozenset(
    {"id", "judge_hash", "timestamp", "evaluation_order", "left", "right", "prompt", "worker"}
    | {"winner_model_a", "winner_model_b", "winner_tie", "response_a", "response_b"}
    | {"type", "models", "states", "ip"}
)
LONG: Final = frozenset({*CONVERSATIONS, "response_a", "response_b"})
