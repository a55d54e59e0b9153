"""From token ids to clean text, piece by piece.

`Decoder` never splits a character; `Trimmer` cuts at stop strings, removes special tokens that
were spelled out, joins halves of characters and drops NUL. Neither knows which engine it serves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

NUL = "\x00"


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
    """Pass text on until a stop string; hold back what may still turn out to be one."""

    def __init__(self, stop: Sequence[str] = (), special: Sequence[str] = ()) -> None:
        self._stop = tuple(stop)
        self._special = tuple(word for word in special if word)
        self._held = ""
        self._half = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """Return the part of the text so far that is certain; nothing after a stop string."""
        if self.stopped:
            return ""
        held, self._held = self._held + self._sound(text), ""
        # A stop string may itself hold a special token, so it is looked for first.
        for whole in (held, cleaned := self._clean(held)):
            if (cut := self._first_stop(whole)) is not None:
                self.stopped = True
                return self._clean(whole[:cut])
        keep = len(cleaned) - self._undecided(cleaned)
        self._held = cleaned[keep:]
        return cleaned[:keep]

    def finish(self) -> str:
        """Return what was held back: the text ended, so it is no stop string."""
        rest, self._held = self._held, ""
        return rest

    def _sound(self, text: str) -> str:
        """Return text that can be stored: no NUL, and surrogates from JSON made characters."""
        text, self._half = self._half + text.replace(NUL, ""), ""
        if text and "\ud800" <= text[-1] <= "\udbff":  # its other half comes next
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _clean(self, text: str) -> str:
        # Removing one word may join another: "<|im_<|end|>end|>".
        before = None
        while before != text:
            before = text
            for word in self._special:
                text = text.replace(word, "")
        return text

    def _first_stop(self, text: str) -> int | None:
        found = [at for word in self._stop if (at := text.find(word)) >= 0]
        return min(found, default=None)

    def _undecided(self, text: str) -> int:
        """Return the length of the longest ending that begins a stop string or special token."""
        longest = 0
        for word in (*self._stop, *self._special):
            for size in range(min(len(word) - 1, len(text)), longest, -1):
                if text.endswith(word[:size]):
                    longest = size
                    break
        return longest
