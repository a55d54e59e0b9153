"""Reads one battle as a whole: item, seats, turns, responses, ending and newest vote.

A battle is spread over eight tables so that each fact is stored once; here it becomes one value
again. Nothing here writes, and nothing decides what a rater may see of it.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, text

from arena.record.tables import WITHDRAWN, EndingKind
from ratings.votes import Outcome


@dataclass(frozen=True)
class StoredModel:
    """A model of an item."""

    id: int
    name: str
    quantization: str


@dataclass(frozen=True)
class StoredResponse:
    """What a model said in a turn, and why it stopped."""

    text: str
    finish_reason: str


@dataclass(frozen=True)
class StoredTurn:
    """A prompt with both responses; None while they are being made, or where that failed."""

    prompt: str
    x: StoredResponse | None
    y: StoredResponse | None


@dataclass(frozen=True)
class Showing:
    """A battle as it is stored; x and y are the item's own places, whatever the seats are."""

    battle_id: str
    item_id: str
    rater: str
    x_sits_at_a: bool
    reveals: bool
    language: str
    aspect: str | None
    question: str | None
    x: StoredModel
    y: StoredModel
    turns: tuple[StoredTurn, ...]
    ending: EndingKind | None
    cause: str
    voted: bool
    outcome: Outcome | None  # None with `voted`: the vote was withdrawn

    @property
    def complete(self) -> bool:
        """Whether every turn has both responses."""
        return all(turn.x is not None and turn.y is not None for turn in self.turns)

    def said(self, place: Literal["x", "y"]) -> list[str]:
        """Return every prompt and what the model of a place responded, in order."""
        texts: list[str] = []
        for turn in self.turns:
            response = turn.x if place == "x" else turn.y
            texts += [turn.prompt] if response is None else [turn.prompt, response.text]
        return texts


_BATTLE = text("""
SELECT battle.id, battle.item_id, battle.rater_id, battle.x_sits_at_a, battle.reveals,
       item.language, question.aspect, question.name,
       x.id, x.name, x.quantization, y.id, y.name, y.quantization,
       ending.kind, ending.cause,
       (SELECT outcome FROM vote WHERE vote.battle_id = battle.id
        AND NOT EXISTS (SELECT 1 FROM vote AS later WHERE later.supersedes = vote.seq))
FROM battle
JOIN item ON item.id = battle.item_id
JOIN model AS x ON x.id = item.model_x
JOIN model AS y ON y.id = item.model_y
LEFT JOIN question ON question.id = item.question_id
LEFT JOIN ending ON ending.battle_id = battle.id
WHERE battle.id = :battle
""")

_TURNS = text("""
SELECT turn.number, turn.prompt, placed.place, response.text, response.finish_reason
FROM turn
LEFT JOIN item_response AS placed
       ON placed.item_id = turn.item_id AND placed.turn = turn.number
LEFT JOIN response ON response.id = placed.response_id
WHERE turn.item_id = :item
ORDER BY turn.number
""")


def read_showing(connection: Connection, battle_id: str) -> Showing | None:
    """Return a battle, or None when there is none of this id."""
    row = connection.execute(_BATTLE, {"battle": battle_id}).first()
    if row is None:
        return None
    newest = row[16]
    return Showing(
        battle_id=row[0],
        item_id=row[1],
        rater=row[2],
        x_sits_at_a=bool(row[3]),
        reveals=bool(row[4]),
        language=row[5],
        aspect=row[6],
        question=row[7],
        x=StoredModel(row[8], row[9], row[10]),
        y=StoredModel(row[11], row[12], row[13]),
        turns=_read_turns(connection, row[1]),
        ending=None if row[14] is None else EndingKind(row[14]),
        cause=row[15] or "",
        voted=newest is not None,
        outcome=None if newest in (None, WITHDRAWN) else Outcome(newest),
    )


def _read_turns(connection: Connection, item_id: str) -> tuple[StoredTurn, ...]:
    prompts: dict[int, str] = {}
    placed: dict[tuple[int, str], StoredResponse] = {}
    for number, prompt, place, response, finish_reason in connection.execute(
        _TURNS, {"item": item_id}
    ):
        prompts[number] = prompt
        if place is not None:
            placed[number, place] = StoredResponse(response, finish_reason)
    return tuple(
        StoredTurn(prompt, placed.get((number, "x")), placed.get((number, "y")))
        for number, prompt in prompts.items()
    )
