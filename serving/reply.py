"""One response of a server as its chunks come: its text, why it ended, how many tokens it was.

A server may say anything, so nothing is taken unchecked. Knows no connection.
"""

from reprlib import repr as shortly
from typing import Final, Literal

from serving.engine import EngineError, FailureKind
from serving.spec import ModelSpec
from serving.text import Trimmer
from serving.watch import Watch

MOST_CHARACTERS: Final = 1 << 20  # of a response; more is cut as at the limit of tokens
GRACE_S: Final = 1.0  # seconds after its last text for the number of tokens, or the end
MOST_TOKENS: Final = 1 << 24  # that a server may have counted, also of what it does not show


class Reply:
    """One response as its chunks come."""

    def __init__(self, spec: ModelSpec, watch: Watch) -> None:
        self._watch = watch
        self._trimmer = Trimmer(spec.stop)
        self._characters = 0
        self._reason: str | None = None
        self._used: int | None = None
        self._pieces = 0

    @property
    def tokens(self) -> int:
        """What the server counted, or the number of pieces."""
        return self._used or self._pieces  # that none came is no count of a text

    @property
    def whole(self) -> bool:
        """Whether the server has said why the response ended."""
        return self._reason is not None

    @property
    def ended(self) -> bool:
        """Whether nothing more is wanted."""
        return self._trimmer.stopped or self._characters >= MOST_CHARACTERS

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """Why the response ended."""
        cut = self._characters >= MOST_CHARACTERS
        return "length" if cut or (self._reason == "length" and not self.ended) else "stop"

    def add(self, chunk: object) -> str:
        """Take a chunk in, as its JSON says it, and return the text that may be shown.

        Raises
        ------
        EngineError
            If it is none.
        """
        if not isinstance(chunk, dict):
            raise _other("a chunk", chunk)
        if isinstance(usage := chunk.get("usage"), dict):
            self._used = _count(usage.get("completion_tokens"))
        match chunk.get("choices"):
            case None | []:
                return ""
            case [dict() as choice, *_]:
                return self._choose(choice)
            case choices:
                raise _other("choices", choices)

    def _choose(self, choice: dict[str, object]) -> str:
        text = ""
        match choice:
            case {"delta": {"content": str(content)}}:
                text = self._take(content)
            case {"delta": {"content": content}} if content is not None:
                raise _other("text", content)
        match choice:
            case {"finish_reason": str(reason)} if reason:
                self._reason = reason
                self._watch.whole(GRACE_S)
        return text

    def _take(self, content: str) -> str:
        if not content:
            return ""
        self._pieces += 1
        self._watch.mark()
        room = MOST_CHARACTERS - self._characters
        text = self._trimmer.add(content[:room])
        self._characters += len(content[:room])
        return text

    def finish(self) -> str:
        """Return the last text.

        Raises
        ------
        EngineError
            If the server never said that the response is whole.
        """
        if not self.whole and not self.ended:
            raise EngineError(FailureKind.BACKEND, "the stream ended early")
        return self._trimmer.finish()


def _other(wanted: str, said: object) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"in place of {wanted} came {shortly(said)}")


def _count(said: object) -> int | None:
    """Return how many tokens a server counted; None where what it says is no such number."""
    return said if type(said) is int and 0 <= said <= MOST_TOKENS else None
