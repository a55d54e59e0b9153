"""How much may be said in one conversation: one bound for a roster, whichever pair meets.

A bound of each pair's own would tell who sits there: only battles of the model with the smallest
context would refuse a prompt. So text is counted in a way that depends on no model, against the
smallest context of all. What still does not fit is found by the engine (`serving.prompt`).
"""

import math
from collections.abc import Iterable
from typing import Final

from serving.cache import context_of
from serving.checkpoint import configuration, trained_tokens
from serving.engine import EngineError
from serving.folders import checkpoint_folder
from serving.spec import ModelSpec

TOKEN_BYTES: Final = 3  # of UTF-8: tokenizers take 3 to 5 of English, about 3 of Chinese
TURN_TOKENS: Final = 8  # that a chat template puts around a turn


def bound_of(specs: Iterable[ModelSpec]) -> float:
    """Return the bytes of conversation that every model can hear; without a bound infinity."""
    return min(map(_bound, specs), default=math.inf)


def bytes_of(texts: Iterable[str]) -> int:
    """Return the bytes that a conversation counts for: its turns, and where the next begins."""
    said = [len(text.encode()) + TURN_TOKENS * TOKEN_BYTES for text in texts]
    return sum(said) + TURN_TOKENS * TOKEN_BYTES


def _bound(spec: ModelSpec) -> float:
    context = tokens_of(spec)
    if context is None:
        return math.inf
    system = 0 if spec.system_prompt is None else bytes_of([spec.system_prompt])
    return (context - spec.output_tokens) * TOKEN_BYTES - system


def tokens_of(spec: ModelSpec) -> int | None:
    """Return the most tokens of a model; None where only its server knows, or nothing loads."""
    if spec.context_tokens is not None or spec.kind != "local":
        return spec.context_tokens
    try:
        config = configuration(checkpoint_folder(spec))
    except EngineError:
        return None
    return context_of(spec, trained_tokens(config))
