"""One response of a server as its chunks come: its text, why it ended, how many tokens it was.

A server may say anything, so nothing is taken unchecked. Knows no connection.
"""

from collections.abc import Iterator
from reprlib import repr as shortly
from typing import Final, Literal

from serving.engine import EngineError, FailureKind
from serving.refusals import kind_in, words_of
from serving.spec import ModelSpec
from serving.text import Trimmer
from serving.watch import Watch

MOST_CHARACTERS: Final = 1 << 20  # of a response; more is cut as at the limit of tokens
# The same for each token of its limit, which a server may not heed: text has a sixth of it, and
# whoever reads would wait for hours until a longer one is shown.
MOST_OF_TOKEN: Final = 32
AT_ONCE: Final = 4096  # of them, before others have a turn
GRACE_S: Final = 0.1  # seconds after its last text for the number of tokens, or the end
MOST_TOKENS: Final = 1 << 24  # that a server may have counted, also of what it does not show
# What servers call an end that is the model's own, and the limit of tokens. After any other word
# the text is no response to vote on. With `abort` the server shut down, with `error` something
# broke, with `content_filter` it took words away, and with `tool_calls` they are elsewhere, though
# we offer no tools. A word that nobody knows may mean the same: a battle too few is void, and a
# vote on half a response is wrong for good.
STOPPED: Final = frozenset({"stop", "end", "end_turn", "eos", "eos_token", "stop_sequence"})
CUT: Final = frozenset({"length", "max_tokens", "model_length"})


class Reply:
    """One response as its chunks come."""

    def __init__(self, spec: ModelSpec, watch: Watch) -> None:
        self._watch = watch
        self._trimmer = Trimmer(spec.stop)
        self._most = min(MOST_CHARACTERS, MOST_OF_TOKEN * spec.output_tokens)
        self._characters = 0
        self._reason: Literal["stop", "length"] | None = None
        self._used: int | None = None
        self._pieces = 0
        self._heard = False
        self._beside = ""  # what was said in place of choices

    @property
    def heard(self) -> bool:
        """Whether any chunk has come, of text or not."""
        return self._heard

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
        return self._trimmer.stopped or self._characters >= self._most

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """Why the response ended."""
        cut = self._characters >= self._most and not self._trimmer.stopped
        return "length" if cut or (self._reason == "length" and not self.ended) else "stop"

    def add(self, chunk: object) -> Iterator[str]:
        """Take a chunk in, as its JSON says it, and yield the text that may be shown, in pieces.

        Raises
        ------
        EngineError
            If it is none, or says that the server gave the response up, which is not whole yet.
        """
        try:
            yield from self._add(chunk)
        except EngineError:
            if not self.whole:
                raise

    def _add(self, chunk: object) -> Iterator[str]:
        if not isinstance(chunk, dict):
            raise _other("a chunk", chunk)
        self._heard = True
        if isinstance(usage := chunk.get("usage"), dict):
            self._used = _count(usage.get("completion_tokens"))
        match chunk.get("choices"):
            case None:
                self._beside = words_of(chunk) or self._beside
            case [*choices] if all(isinstance(choice, dict) for choice in choices):
                # We ask for one response, whose number is 0; others are somebody else's.
                ours = (choice for choice in choices if choice.get("index") in (None, 0))
                yield from self._choose(next(ours, {}))
            case choices:
                raise _other("choices", choices)

    def _choose(self, choice: dict[str, object]) -> Iterator[str]:
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            raise _other("a delta", delta)
        yield from self._take(_text_of(delta.get("content")))
        match choice:  # after deltas it is only said once more
            case {"message": {"content": whole}} | {"text": whole} if whole and not self._pieces:
                raise _other("a delta", whole)
        if (reason := choice.get("finish_reason")) and not self.whole and not self.ended:
            self._reason = _read_reason(reason)
            self._watch.whole(GRACE_S)

    def _take(self, content: str) -> Iterator[str]:
        if not content:
            return
        self._pieces += 1
        self._watch.mark()
        content = content[: self._most - self._characters]
        self._characters += len(content)
        for start in range(0, len(content), AT_ONCE):
            yield self._trimmer.add(content[start : start + AT_ONCE])

    def finish(self) -> str:
        """Return the last text.

        Raises
        ------
        EngineError
            If the server never said that the response is whole.
        """
        if not self.whole and not self.ended:
            said = f": {self._beside}" if self._beside else ""
            raise EngineError(kind_in(said), f"the stream ended early{said}")
        return self._trimmer.finish()


def _text_of(said: object) -> str:
    """Return the text of a delta; some servers send parts of it, as users do."""
    match said:
        case None:
            return ""
        case str():
            return said
        case [*parts]:
            return "".join(map(_part_of, parts))
        case _:
            raise _other("text", said)


def _part_of(said: object) -> str:
    match said:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "thinking"}:  # as `reasoning_content` elsewhere: no part of the response
            return ""
        case _:
            raise _other("text", said)


def _read_reason(said: object) -> Literal["stop", "length"]:
    """Return why a response is whole."""
    word = said.lower() if isinstance(said, str) else None
    if word in STOPPED:
        return "stop"
    if word in CUT:
        return "length"
    raise EngineError(FailureKind.BACKEND, f"the server ended it: {shortly(said)}")


def _other(wanted: str, said: object) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"in place of {wanted} came {shortly(said)}")


def _count(said: object) -> int | None:
    """Return how many tokens a server counted; None where what it says is no such number."""
    return said if type(said) is int and 0 <= said <= MOST_TOKENS else None
