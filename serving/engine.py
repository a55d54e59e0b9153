"""The seam between models and everything above them: prompts in, events out.

Knows no library that runs a model. Every engine, local, remote or scripted, is an `Engine`;
`serving.scripted` is the one for tests.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol


class FailureKind(StrEnum):
    """Why we, not the model, could not finish a response."""

    OUT_OF_MEMORY = "out_of_memory"
    NAN = "nan"
    CONTEXT = "context"
    TEMPLATE = "template"
    DEADLINE = "deadline"
    ENGINE_DEAD = "engine_dead"
    PROCESS_DEAD = "process_dead"
    """The process of several engines died, or its device is spoilt for all of them; none of them is
    known to be the cause."""
    BACKEND = "backend"
    PROMPT = "prompt"
    """A server fails at this prompt, and responds to another."""
    CANCELLED = "cancelled"


DEATHS: Final = frozenset({FailureKind.ENGINE_DEAD, FailureKind.PROCESS_DEAD})


class EngineError(Exception):
    """A model cannot serve; ``kind`` says why in one word, the message in one sentence.

    The message may hold names and addresses: it is for the log, never for a rater.
    """

    def __init__(self, kind: FailureKind, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind
        self.cause = cause


class KeyRefusedError(EngineError):
    """A server is there and refuses our key: unlike one that is away, waiting does not help."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked, ending with a user's turn."""

    messages: tuple[Message, ...]
    seed: int = 0
    max_tokens: int | None = None
    """Lower limit on the response than the model's own."""
    deadline_s: float | None = None
    """Seconds until the response is given up."""

    @classmethod
    def of(cls, text: str, *, seed: int = 0) -> "Prompt":
        """Return a prompt of one user turn."""
        return cls((Message("user", text),), seed=seed)


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of a response, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The response is whole, be it good, empty or cut at the limit (``length``)."""

    finish_reason: Literal["stop", "length"]
    tokens: int
    seconds: float
    first_token_seconds: float | None
    """None for an empty response."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The response is lost and it is our fault; ``cause`` is for the log alone."""

    kind: FailureKind
    cause: str
    tokens: int = 0
    seconds: float = 0.0


Terminal = Done | Failed
Event = Delta | Done | Failed


class Engine(Protocol):
    """One model that streams.

    Every stream that is read to its end yields exactly one `Done` or `Failed`, as its last event.
    Closing a stream early (``aclose``) frees what it held.
    """

    @property
    def footprint(self) -> int:
        """Bytes of memory held on the engine's device."""

    @property
    def lost(self) -> bool:
        """Whether it will never serve again and holds no memory: its process has ended."""

    def health(self) -> str | None:
        """Return None while the engine can serve, else why it cannot."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        """Respond to a prompt."""

    async def close(self) -> None:
        """Free everything; streams still open end with `Failed` (cancelled)."""
