"""How rows come to be that no rule guards: models, questions, raters, battles, responses, endings.

Each function runs on a connection that `arena.record.store` hands over and adds what is not there
yet. Votes have rules of their own (`arena.record.casting`). Nothing here decides who may do what.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, text
from sqlmodel import col, select

from arena.errors import AlreadyVoted, BattleNotReady
from arena.questions import Question
from arena.record.casting import has_vote
from arena.record.inserting import insert_response, insert_row
from arena.record.tables import (
    BattleRow,
    EndingKind,
    EndingRow,
    ItemResponseRow,
    ItemRow,
    ModelRow,
    QuestionRow,
    RaterKind,
    RaterRow,
    TurnRow,
)

_OVER = text("""
SELECT id FROM battle WHERE item_id = :item AND (
    EXISTS (SELECT 1 FROM vote WHERE vote.battle_id = battle.id)
    OR EXISTS (SELECT 1 FROM ending WHERE ending.battle_id = battle.id))
""")


@dataclass(frozen=True)
class NewItem:
    """An item about to be shown: the models by their numbers in the table `model`."""

    id: str
    model_x: int
    model_y: int
    prompt: str
    language: str
    question_id: int | None = None
    study_id: int | None = None


@dataclass(frozen=True)
class NewBattle:
    """A battle about to be opened, its seats drawn."""

    id: str
    item_id: str
    rater: str
    x_sits_at_a: bool
    reveals: bool
    display: str
    propensity: float
    resident: int | None = None


@dataclass(frozen=True)
class NewResponse:
    """A response about to be stored, and the place (`x` or `y`) it takes in its item."""

    place: str
    model_id: int
    text: str
    finish_reason: str
    tokens: int
    seconds: float
    first_token_seconds: float
    seed: int


@dataclass(frozen=True)
class NewEnding:
    """The end of a battle without a vote; `blames` is the model whose engine failed."""

    battle_id: str
    kind: EndingKind
    cause: str = ""
    blames: int | None = None


def enter_model(connection: Connection, model: dict[str, Any], now: int) -> int:
    """Return the number of a model, entering it when its name or fingerprint is new."""
    found = connection.execute(
        select(col(ModelRow.id)).where(
            col(ModelRow.name) == model["name"],
            col(ModelRow.fingerprint) == model["fingerprint"],
        )
    ).scalar()
    return found or insert_row(connection, ModelRow, {**model, "added_at": now})


def enter_questions(connection: Connection, questions: Iterable[Question]) -> dict[str, int]:
    """Return the numbers of questions by their names, entering what is new."""
    known = {
        (name, sha256): number
        for number, name, sha256 in connection.execute(
            select(col(QuestionRow.id), col(QuestionRow.name), col(QuestionRow.sha256))
        )
    }
    numbers: dict[str, int] = {}
    for question in questions:
        sha256 = _digest(question)
        number = known.get((question.id, sha256))
        if number is None:
            values = {
                "name": question.id,
                "sha256": sha256,
                "aspect": question.aspect,
                "text": dict(question.text),
                "key": dict(question.key),
            }
            number = insert_row(connection, QuestionRow, values)
        numbers[question.id] = number
    return numbers


def enter_rater(connection: Connection, rater: str, kind: RaterKind, now: int) -> None:
    """Enter a rater unless it is known."""
    known = select(col(RaterRow.id)).where(col(RaterRow.id) == rater)
    if connection.execute(known).first() is None:
        values = {"id": rater, "kind": kind.value, "created_at": now}
        connection.execute(insert(RaterRow).values(values))


def enter_battle(connection: Connection, item: NewItem, battle: NewBattle, now: int) -> None:
    """Enter an item, its first prompt, and the battle that shows it."""
    described = asdict(item)
    prompt = described.pop("prompt")
    connection.execute(insert(ItemRow).values(**described, created_at=now))
    _enter_turn(connection, item.id, 0, prompt, now)
    shown = asdict(battle)
    rater = shown.pop("rater")
    connection.execute(insert(BattleRow).values(**shown, rater_id=rater, opened_at=now))


def _enter_turn(connection: Connection, item_id: str, number: int, prompt: str, now: int) -> None:
    values = {"item_id": item_id, "number": number, "prompt": prompt, "created_at": now}
    connection.execute(insert(TurnRow).values(values))


def enter_follow_up(
    connection: Connection, item_id: str, number: int, prompt: str, now: int
) -> None:
    """Enter a further prompt of an item; what was voted on stays as it was then.

    Raises
    ------
    BattleNotReady
        If a battle on it has a vote or has ended.
    """
    over = connection.execute(_OVER, {"item": item_id}).first()
    if over is not None:
        raise BattleNotReady(f"Battle {over[0]} is over; it takes no further prompt.")
    _enter_turn(connection, item_id, number, prompt, now)


def enter_responses(
    connection: Connection, item_id: str, turn: int, responses: Iterable[NewResponse], now: int
) -> None:
    """Enter what models said in a turn."""
    for response in responses:
        values = asdict(response)
        place = values.pop("place")
        number = insert_response(connection, values, now)
        placed = {"item_id": item_id, "turn": turn, "place": place, "response_id": number}
        connection.execute(insert(ItemResponseRow).values(placed))


def enter_ending(connection: Connection, ending: NewEnding, now: int) -> None:
    """Close a battle without a vote, unless it is closed.

    Raises
    ------
    AlreadyVoted
        If it has a vote.
    """
    battle = ending.battle_id
    if has_vote(connection, battle):
        raise AlreadyVoted(f"Battle {battle} has a vote.")
    closed = select(col(EndingRow.battle_id)).where(col(EndingRow.battle_id) == battle)
    if connection.execute(closed).first():
        return
    values = {
        "battle_id": battle,
        "kind": ending.kind.value,
        "cause": ending.cause.replace("\0", "\ufffd"),
        "blames": ending.blames,
        "created_at": now,
    }
    connection.execute(insert(EndingRow).values(values))


def _digest(question: Question) -> str:
    wording = [question.aspect, dict(question.text), dict(question.key)]
    return hashlib.sha256(json.dumps(wording, sort_keys=True).encode()).hexdigest()
