"""From token ids to clean text, piece by piece.

`Decoder` never splits a character; `Trimmer` cuts at stop strings, removes special tokens that
were spelled out, joins halves of characters and drops NUL. Neither knows which engine it serves.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

NUL = "\x00"
TIDY = 1024  # characters that were released before they are forgotten
FOREIGN = 0.25  # of the characters of a text that is not "mostly ASCII"


def is_ascii(text: str) -> bool:
    """Tell whether a text is mostly ASCII."""
    return text.isascii() or sum(not sign.isascii() for sign in text) <= FOREIGN * len(text)


class Decoder:
    """Decode a growing list of token ids without decoding it again from the start."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 -- tokenizers ships no types
        self._tokenizer = tokenizer
        self._stream = _decode_stream()

    def add(self, ids: Iterable[int]) -> str:
        """Return the text that ``ids`` complete; an unfinished character is kept back."""
        return "".join(self._step(token) for token in ids)

    def _step(self, token: int) -> str:
        try:
            return self._stream.step(self._tokenizer, token) or ""
        except Exception:  # noqa: BLE001 -- the library raises bare Exception on an odd prefix
            # Starting over loses at most the unfinished character, not the response.
            self._stream = _decode_stream()
            return self._stream.step(self._tokenizer, token) or ""


def _decode_stream() -> Any:  # noqa: ANN401 -- tokenizers ships no types
    from tokenizers.decoders import DecodeStream  # noqa: PLC0415 -- only local engines need it

    return DecodeStream(skip_special_tokens=True)


class Trimmer:
    """Pass text on until a stop string; hold back what may still turn out to be one.

    Character by character, so that it does not matter in which pieces the text comes. Spelled out
    special tokens are removed, also where removing one joins another: "<|im_<|end|>end|>".
    """

    def __init__(self, stop: Sequence[str] = (), special: Sequence[str] = ()) -> None:
        self._root = _learn(frozenset(stop), frozenset(special) - {""})
        # One of each for each character that is held, and for some before them that were released.
        self._held: list[str] = []
        self._ends: list[_End] = []
        self._certain: list[int] = []  # how many would be certain if it were the last
        self._released = 0
        self._half = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """Return the part of the text so far that is certain; nothing after a stop string."""
        if self.stopped:
            return ""
        said: list[str] = []
        for character in self._sound(text):
            if not self._held and character not in self._root.longer:
                said.append(character)
            elif self._take(character):
                said.append(self._release())
            else:
                self.stopped = True
                said.append(self.finish())
                break
        return "".join(said)

    def finish(self) -> str:
        """Return what was held back: the text ended, so it is no stop string."""
        rest = "".join(self._held[self._released :])
        self._keep(0)
        return rest

    def _take(self, character: str) -> bool:
        """Hold one more character; return whether it ends no stop string."""
        end = self._root.after(self._ends[-1] if self._ends else self._root, character)
        # A stop string may be a special token too, so it is looked for first.
        if word := end.stop or end.special:
            self._keep(len(self._held) + 1 - word)
            return not end.stop
        self._held.append(character)
        self._ends.append(end)
        self._certain.append(self._certain_before(end))
        return True

    def _keep(self, size: int) -> None:
        """Forget what is held beyond a size; also what was released, if that is all there is."""
        if size <= self._released:
            self._released = size = 0
        del self._held[size:], self._ends[size:], self._certain[size:]

    def _release(self) -> str:
        """Return what is certain of what is held, and hold the rest."""
        certain = self._certain[-1] if self._certain else 0
        if certain <= self._released:
            return ""
        said = "".join(self._held[self._released : certain])
        self._released = certain
        if certain == len(self._held):
            self._keep(0)
        elif certain >= TIDY:
            del self._held[:certain], self._ends[:certain]
            self._certain = [max(0, one - certain) for one in self._certain[certain:]]
            self._released = 0
        return said

    def _certain_before(self, end: "_End") -> int:
        """Return how much of what is held no word can reach any more, whatever comes."""
        held = len(self._held)
        certain = held - end.size
        for size in end.vanishing:  # then what is before it ends the text
            if (before := held - size) > self._released:
                certain = min(certain, self._certain[before - 1])
        return certain

    def _sound(self, text: str) -> str:
        """Return text that can be stored: no NUL, and surrogates from JSON made characters."""
        text, self._half = self._half + text.replace(NUL, ""), ""
        if text and "\ud800" <= text[-1] <= "\udbff":  # its other half comes next
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _End:
    """The longest end of a text that a word may begin with, and what else is known of that end."""

    __slots__ = ("longer", "shorter", "size", "special", "stop", "vanishing")

    def __init__(self, size: int) -> None:
        self.size = size
        self.longer: dict[str, _End] = {}
        """What it becomes with a character that goes on with a word."""
        self.shorter: _End | None = None
        """The next longest end that a word may begin with."""
        self.stop = 0
        """The size of the longest stop string at the end, and of the longest special token."""
        self.special = 0
        self.vanishing: tuple[int, ...] = ()
        """The sizes of the ends with which a special token may begin."""

    def after(self, end: "_End | None", character: str) -> "_End":
        """Return what an end becomes with one more character; this one is that of no text."""
        while end is not None:
            if (longer := end.longer.get(character)) is not None:
                return longer
            end = end.shorter
        return self


@lru_cache(maxsize=64)  # there are hundreds of special tokens, the same for every response
def _learn(stop: frozenset[str], special: frozenset[str]) -> _End:
    """Return the end of an empty text, from which all others are reached (Aho and Corasick)."""
    root = _End(0)
    for word in stop | special:
        end = root
        for size, character in enumerate(word, 1):
            end = end.longer.setdefault(character, _End(size))
            if word in special and size < len(word):
                end.vanishing = (size,)
        end.stop = len(word) if word in stop else 0
        end.special = len(word) if word in special else 0
    ends = deque([root])
    while ends:
        end = ends.popleft()
        for character, longer in end.longer.items():
            shorter = longer.shorter = root.after(end.shorter, character)
            longer.stop = longer.stop or shorter.stop
            longer.special = longer.special or shorter.special
            longer.vanishing += shorter.vanishing
            ends.append(longer)
    return root
