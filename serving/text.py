"""From token ids to clean text, piece by piece.

`Decoder` never splits a character; `Trimmer` cuts at stop strings, removes special tokens that
were spelled out, joins halves of characters and drops NUL. Neither knows which engine it serves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

NUL = "\x00"
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
        self._stop = frozenset(stop)
        self._special = frozenset(special) - {""}
        words = self._stop | self._special
        self._longest = max(map(len, words), default=0)
        self._first = frozenset(word[0] for word in words)
        self._begun = _beginnings(words)
        self._may_vanish = _beginnings(self._special)
        self._held = ""
        self._certain: list[int] = []
        """For each character that is held: how many would be certain if it were the last."""
        self._half = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """Return the part of the text so far that is certain; nothing after a stop string."""
        if self.stopped:
            return ""
        said: list[str] = []
        for character in self._sound(text):
            if not self._held and character not in self._first:
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
        rest, self._held = self._held, ""
        return rest

    def _take(self, character: str) -> bool:
        """Hold one more character; return whether it ends no stop string."""
        self._held += character
        tails = [self._held[-size:] for size in range(min(self._longest, len(self._held)), 0, -1)]
        stop = next((tail for tail in tails if tail in self._stop), None)
        # A stop string may be a special token too, so it is looked for first.
        word = stop or next((tail for tail in tails if tail in self._special), None)
        if word is None:
            self._certain.append(self._certain_before(tails))
        else:
            self._held = self._held.removesuffix(word)
            self._certain = self._certain[: len(self._held)]
        return stop is None

    def _release(self) -> str:
        """Return what is certain of what is held, and hold the rest."""
        certain = self._certain[-1] if self._certain else 0
        if not certain:
            return ""
        said, self._held = self._held[:certain], self._held[certain:]
        self._certain = [max(0, one - certain) for one in self._certain[certain:]]
        return said

    def _certain_before(self, tails: Sequence[str]) -> int:
        """Return how much of what is held no word can reach any more, whatever comes."""
        certain = len(self._held)
        for tail in tails:
            if tail in self._begun:
                before = len(self._held) - len(tail)
                certain = min(certain, before)
                if before and tail in self._may_vanish:  # then what is before it ends the text
                    certain = min(certain, self._certain[before - 1])
        return certain

    def _sound(self, text: str) -> str:
        """Return text that can be stored: no NUL, and surrogates from JSON made characters."""
        text, self._half = self._half + text.replace(NUL, ""), ""
        if text and "\ud800" <= text[-1] <= "\udbff":  # its other half comes next
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _beginnings(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word[:size] for word in words for size in range(1, len(word)))
