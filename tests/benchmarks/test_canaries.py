"""The search for names: a planted canary is found in every spelling, and nothing else is."""

import base64
import hashlib
import json
import urllib.parse

import pytest

from benchmarks.canaries import Canary, encodings, find

OAK = Canary("Zq7f3a91Xj0", "nf4", "0123456789abcdef")
NAME = OAK.name
NEEDLES = encodings([OAK, Canary("Zq55e0c2Xj1", "none", "00aa11bb22cc33dd")])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f'{{"model": "{NAME}"}}', id="plain"),
        pytest.param(f"<b>{NAME.upper()}</b>", id="upper case"),
        pytest.param(f"/models/{NAME.lower()}.png", id="lower case"),
        pytest.param(NAME[::-1], id="reversed"),
        pytest.param(NAME.encode().hex(), id="hex"),
        pytest.param(NAME.encode().hex().upper(), id="hex in upper case"),
        pytest.param("".join(f"%{byte:02X}" for byte in NAME.encode()), id="url-encoded"),
        pytest.param(urllib.parse.quote_plus(f"a model {NAME}"), id="url-encoded as usual"),
        pytest.param("".join(f"\\u{ord(c):04x}" for c in NAME), id="escaped as in JSON"),
        pytest.param("".join(f"&#{ord(c)};" for c in NAME), id="escaped as in HTML"),
        pytest.param(hashlib.sha256(NAME.encode()).hexdigest(), id="hashed"),
        pytest.param(base64.b64encode(NAME.encode()).decode(), id="base64"),
        pytest.param(base64.b64encode(f"x{NAME}yz".encode()).decode(), id="base64 after one"),
        pytest.param(base64.b64encode(f"xy{NAME}z".encode()).decode(), id="base64 after two"),
        pytest.param(base64.b64encode(f"xyz{NAME}".encode()).decode(), id="base64 after three"),
        pytest.param(
            base64.urlsafe_b64encode(json.dumps(["b1", NAME, 1]).encode()).decode().rstrip("="),
            id="inside a token",
        ),
        pytest.param(base64.b64encode(NAME.lower().encode()).decode(), id="base64 of lower case"),
    ],
)
def test_a_planted_name_is_found(content: str) -> None:
    assert find(content.encode(), NEEDLES) == [f"the name {NAME}"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param("loaded as nf4.", ["the word nf4"], id="a quantization"),
        pytest.param("loaded as NF4", ["the word nf4"], id="a quantization in upper case"),
        pytest.param("token Qnf4z", [], id="letters within a word"),
        pytest.param("none of them", [], id="a quantization that is a common word"),
        pytest.param("0123456789ABCDEF", [f"the fingerprint of {NAME}"], id="a fingerprint"),
        pytest.param("Zq7f3a91Xj", [], id="only part of a name"),
    ],
)
def test_finds(content: str, found: list[str]) -> None:
    assert find(content.encode(), NEEDLES) == found
