"""What an OpenAI-compatible server is asked, and where, and what key it is shown.

Knows none of its answers.
"""

import os
from typing import Any, Final
from urllib.parse import urlsplit

from serving.engine import FailureKind, KeyRefusedError, Prompt
from serving.spec import ModelSpec

NO_KEY: Final = "none"  # local servers ask for none, the client insists
SECRET: Final = 8  # characters of a key; a shorter one may be part of any word


def body_of(spec: ModelSpec, prompt: Prompt) -> dict[str, Any]:
    """Return what a server is asked for one response."""
    messages = [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
    if spec.system_prompt:
        messages.insert(0, {"role": "system", "content": spec.system_prompt})
    ask: dict[str, Any] = {
        "model": spec.remote_name,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": min(prompt.max_tokens or spec.output_tokens, spec.output_tokens),
        "temperature": spec.sampling.temperature,
        "top_p": spec.sampling.top_p,
        "seed": prompt.seed % (1 << 31),
    }
    if spec.stop:
        ask["stop"] = list(spec.stop)[:4]  # the protocol's limit; the trimmer knows them all
    if spec.sampling.top_k:
        ask["top_k"] = spec.sampling.top_k  # not in the protocol, but common
    return ask


def key_of(spec: ModelSpec) -> str:
    """Return the key that a server is shown.

    Raises
    ------
    KeyRefusedError
        If it cannot be sent.
    """
    key = os.environ.get(spec.api_key_env or "", "").strip()  # a file's last line may end in it
    if key.isascii() and key.isprintable():
        return key or NO_KEY
    whose = f"{spec.name}: the key in {spec.api_key_env} cannot be sent"  # nor be in a log
    way_out = "let it hold one line of ASCII letters and signs"
    raise KeyRefusedError(FailureKind.BACKEND, f"{whose}; {way_out}")


def address_of(spec: ModelSpec) -> str:
    """Return a server's address for people to read: without a password, or a key in a query."""
    found = urlsplit(spec.url or "")
    return found._replace(netloc=found.netloc.rpartition("@")[2], query="", fragment="").geturl()


def without(key: str, cause: str) -> str:
    """Return a cause for the log without our key, which a server may quote."""
    return cause.replace(key, "[our key]") if len(key) >= SECRET else cause
