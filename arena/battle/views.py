"""What a page may know of a battle, and nothing that tells which model sits where.

The names come out in one place only, `Reveal`, which exists only after a vote.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from arena.record.showing import Showing, StoredResponse, StoredTurn
from arena.record.tables import EndingKind
from ratings.votes import Outcome
from serving.engine import FailureKind


class State(StrEnum):
    """Where a battle stands."""

    STREAMING = "streaming"  # at least one response is being made
    READY = "ready"  # both are there: vote, ask on, or skip
    VOTED = "voted"
    WITHDRAWN = "withdrawn"
    SKIPPED = "skipped"
    VOID = "void"  # we failed; nobody may vote on it


@dataclass(frozen=True)
class Turn:
    """A prompt and the responses in their seats, as far as they are made."""

    prompt: str
    a: str
    b: str


@dataclass(frozen=True)
class Frame:
    """The newest turn so far, both seats at one pace."""

    a: str = ""
    b: str = ""


@dataclass(frozen=True)
class Reveal:
    """Who sat where, and what the rater said."""

    model_a: str
    model_b: str
    quantization_a: str
    quantization_b: str
    outcome: Outcome | None


@dataclass(frozen=True)
class BattleView:
    """A battle as its rater may see it."""

    battle_id: str
    state: State
    turns: tuple[Turn, ...]
    aspect: str | None
    question_id: str | None
    language: str
    token: str | None
    """Lets this rater vote; there only while the battle is ready."""
    outcome: Outcome | None
    reveal: Reveal | None
    votes_by_rater: int
    too_long: bool
    """Void because the prompt does not fit the models: another pair would not help."""


@dataclass(frozen=True)
class Receipt:
    """A vote that is on the disk."""

    seq: int
    outcome: Outcome | None
    votes_by_rater: int
    reveal: Reveal | None


TOO_LONG: Final = f"{FailureKind.CONTEXT}: "  # how the cause of such an ending begins

_STATE_OF_ENDING: Final = {
    EndingKind.SKIPPED: State.SKIPPED,
    EndingKind.ABANDONED: State.SKIPPED,
    EndingKind.VOID: State.VOID,
}


def state_of(showing: Showing) -> State:
    """Return where a stored battle stands."""
    if showing.voted:
        return State.WITHDRAWN if showing.outcome is None else State.VOTED
    if showing.ending is not None:
        return _STATE_OF_ENDING[showing.ending]
    return State.READY if showing.complete else State.STREAMING


def view_of(
    showing: Showing, *, token: str | None, votes_by_rater: int, frame: Frame | None = None
) -> BattleView:
    """Return what the rater of a battle may see; `frame` is the turn that is being made."""
    state = state_of(showing)
    return BattleView(
        battle_id=showing.battle_id,
        state=state,
        turns=tuple(_turn_of(turn, showing, frame) for turn in showing.turns),
        aspect=showing.aspect,
        question_id=showing.question,
        language=showing.language,
        token=token if state is State.READY else None,
        outcome=showing.outcome,
        reveal=reveal_of(showing),
        votes_by_rater=votes_by_rater,
        too_long=state is State.VOID and showing.cause.startswith(TOO_LONG),
    )


def reveal_of(showing: Showing) -> Reveal | None:
    """Return the names, if the battle is one that reveals and it has been voted on."""
    if not (showing.reveals and showing.voted):
        return None
    a, b = (showing.x, showing.y) if showing.x_sits_at_a else (showing.y, showing.x)
    return Reveal(
        model_a=a.name,
        model_b=b.name,
        quantization_a=a.quantization,
        quantization_b=b.quantization,
        outcome=showing.outcome,
    )


def _turn_of(turn: StoredTurn, showing: Showing, frame: Frame | None) -> Turn:
    a, b = (turn.x, turn.y) if showing.x_sits_at_a else (turn.y, turn.x)
    running = frame or Frame()
    return Turn(turn.prompt, _text(a, running.a), _text(b, running.b))


def _text(response: StoredResponse | None, running: str) -> str:
    return running if response is None else response.text
