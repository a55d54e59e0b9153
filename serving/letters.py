"""What a process of engines and the process that started it write to each other.

Plain data over a pipe between two processes of the same code on one machine, so it is pickled; the
pipe keeps crashes apart, not people. Knows neither who writes nor who reads.
"""

from dataclasses import dataclass

from serving.engine import Failed, Prompt, Terminal
from serving.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model; answered with its footprint. Its number is the engine's from then on."""

    number: int
    spec: ModelSpec


@dataclass(frozen=True, slots=True)
class Close:
    """Close an engine; answered with 0, the bytes that it still holds, once its memory is free."""

    number: int
    engine: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Respond to a prompt; the number is the stream's from then on."""

    number: int
    engine: int
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Leave:
    """Nobody reads this stream any more; it ends all the same with its last piece."""

    number: int


Order = Load | Close | Ask | Leave
"""What the parent writes; None tells the process to end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an order came to: the bytes that its engine holds now, or why it failed."""

    number: int
    value: int | Failed


Piece = tuple[int, str, Terminal | None]
"""A stream's number, the text since its last piece, and how it ended if it did."""


@dataclass(frozen=True, slots=True)
class News:
    """All that streams said since the last news, and why engines cannot serve; also a heartbeat."""

    pieces: tuple[Piece, ...]
    ill: dict[int, str]


@dataclass(frozen=True, slots=True)
class Logged:
    """A line for the log, and the traceback that belongs to it."""

    logger: str
    level: int
    text: str
    trace: str = ""


Word = Answer | News | Logged
"""What the process of engines writes."""
