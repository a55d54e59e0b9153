"""Words that only a leak can say, and every spelling in which they might travel.

A canary is the name of a model, made of random letters, with what else would give it away: its
fingerprint and its quantization. Where the bytes come from is not known here.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

COMMON: Final = frozenset({"none"})  # quantizations that are words of every page
ALIGNMENTS: Final = range(3)  # base64 takes three bytes at a time
DIGESTS: Final = ("md5", "sha1", "sha256")

Needles = Mapping[str, Sequence[re.Pattern[bytes]]]


@dataclass(frozen=True)
class Canary:
    """One model."""

    name: str
    quantization: str
    fingerprint: str = ""

    def fingerprinted(self, fingerprint: str) -> "Canary":
        """Return the same canary with the hash that the database knows it by."""
        return replace(self, fingerprint=fingerprint)


def encodings(canaries: Iterable[Canary]) -> dict[str, list[re.Pattern[bytes]]]:
    """Return, for each thing that must not be said, the patterns of all its spellings."""
    needles: dict[str, list[re.Pattern[bytes]]] = {}
    for canary in canaries:
        needles[f"the name {canary.name}"] = spellings(canary.name)
        if canary.fingerprint:
            needles[f"the fingerprint of {canary.name}"] = spellings(canary.fingerprint)
        if canary.quantization not in COMMON:
            word = re.escape(canary.quantization.encode())
            alone = re.compile(rb"(?<![A-Za-z0-9])" + word + rb"(?![A-Za-z0-9])", re.IGNORECASE)
            needles[f"the word {canary.quantization}"] = [alone]
    return needles


def spellings(word: str) -> list[re.Pattern[bytes]]:
    """Return patterns for a word in plain text, reversed, escaped, as numbers, and in base64."""
    plain = word.encode()
    loose = [
        plain,
        plain[::-1],
        plain.hex().encode(),
        plain[::-1].hex().encode(),
        b"".join(b"%%%02x" % byte for byte in plain),
        b"".join(b"\\u%04x" % byte for byte in plain),
        b"".join(b"\\x%02x" % byte for byte in plain),
        b"".join(b"&#%d;" % byte for byte in plain),
        b"".join(b"&#x%x;" % byte for byte in plain),
        *(hashlib.new(kind, plain).hexdigest().encode() for kind in DIGESTS),
    ]
    exact = [
        spelled
        for text in {plain, plain.lower(), plain.upper(), plain[::-1]}
        for shift in ALIGNMENTS
        for spelled in _base64(text, shift)
    ]
    return [
        *(re.compile(re.escape(text), re.IGNORECASE) for text in loose),
        *(re.compile(re.escape(text)) for text in exact),
    ]


def _base64(text: bytes, shift: int) -> Iterable[bytes]:
    """Return the part of the base64 of a longer text that this word alone decides."""
    padded = b"\0" * shift + text
    whole = padded[: len(padded) - len(padded) % 3]
    start = -(-shift * 4 // 3) if shift else 0
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(whole)[start:]


def find(content: bytes, needles: Needles) -> list[str]:
    """Return what a content gives away."""
    return [what for what, patterns in needles.items() if any(p.search(content) for p in patterns)]
