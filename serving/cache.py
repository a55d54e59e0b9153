"""The key-value cache of one engine: how many tokens it holds and what that costs.

Arithmetic only, the same before a model is loaded and after. The library's own default would take
nearly the whole device for the first model.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, lcm
from typing import Any

from serving.spec import ModelSpec

CONTEXT_TOKENS = 4096  # unless the roster says more: room for 128,000 tokens fills a card
CPU_PAGE, GPU_PAGE = 32, 256  # tokens in a block; fast attention on a GPU wants 256
# Tokens of one forward pass. Without flash attention the library keeps a mask of this many rows
# over the whole cache; with its own default of 8192 that mask would take a gigabyte.
CPU_BATCH, GPU_BATCH = 256, 2048
SPARE_BLOCKS = 2  # that the library adds for padding
INDEX = 8  # bytes of the place of one token in the cache
# One layer in so many sees all tokens, the others a window: where a configuration leaves it unsaid.
PATTERNS = {"cohere2": 4, "gemma2": 2, "gemma3_text": 6}
# What else some leave unsaid, being what the library takes by itself: Gemma 3 4B says no heads.
UNSAID = {
    "gemma3_text": {
        "head_dim": 256,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262208,
    }
}
# What architectures call the same number.
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads")
WIDTH = ("hidden_size", "n_embd", "d_model")


def context_of(spec: ModelSpec, trained: int | None) -> int:
    """Return the most tokens of prompt and response together."""
    return spec.context_tokens or min(trained or CONTEXT_TOKENS, CONTEXT_TOKENS)


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Blocks of tokens, and how many tokens and requests go through one forward pass."""

    blocks: int
    page_tokens: int
    batch_tokens: int
    requests: int

    @classmethod
    def of(cls, context_tokens: int, requests: int, *, cuda: bool) -> "CacheShape":
        """Return a cache that holds ``requests`` responses of full length."""
        page = GPU_PAGE if cuda else CPU_PAGE
        blocks = requests * (ceil(context_tokens / page) + 1)
        return cls(blocks, page, GPU_BATCH if cuda else CPU_BATCH, requests)

    @property
    def tokens(self) -> int:
        """The most tokens that one request may have: a block is left for the library."""
        return (self.blocks - 1) * self.page_tokens

    def blocks_for(self, tokens: int) -> int:
        """Return how many blocks a request of so many tokens may come to need."""
        return ceil(tokens / self.page_tokens) + 1

    def asked(self, config: Mapping[str, Any]) -> int:
        """Return for how many blocks the library is asked, so that ``blocks`` can be used.

        Where it divides them between two kinds of layers, part of a piece of each stays unused.
        """
        kinds = kinds_of(config)
        return self.blocks + (ceil(lcm(*kinds) / sum(kinds)) if len(kinds) > 1 else 0)

    def bytes(self, config: Mapping[str, Any], width: int) -> int:
        """Return what the cache takes for a model.

        Parameters
        ----------
        config : mapping
            The checkpoint's configuration. A model without attention has no such cache.
        width : int
            Bytes of one number.
        """
        kinds = kinds_of(config)
        blocks = self._sectors(config) + SPARE_BLOCKS
        layers = lcm(*kinds) / sum(kinds) if kinds else 1
        return int(bytes_per_token(config, width) * self.page_tokens * layers * blocks)

    def inputs(self, config: Mapping[str, Any], width: int, *, masked: bool) -> int:
        """Return what the library keeps beside the cache to say which tokens see which.

        Parameters
        ----------
        config : mapping
            The checkpoint's configuration.
        width : int
            Bytes of one number of the model.
        masked : bool
            Whether the attention needs a mask, for each kind of layers; flash attention needs none.
        """
        kinds = kinds_of(config) or (1,)
        held = self.page_tokens * self._sectors(config) * lcm(*kinds) // min(kinds)
        reach = held + self.batch_tokens
        each = reach * INDEX + (self.batch_tokens * reach * width if masked else 0)
        return len(kinds) * each

    def _sectors(self, config: Mapping[str, Any]) -> int:
        """Return how many pieces there are that whole blocks of each kind of layers fill."""
        kinds = kinds_of(config) or (1,)
        return ceil(self.asked(config) * sum(kinds) / lcm(*kinds))

    def working(self, config: Mapping[str, Any], width: int, *, flash: bool) -> int:
        """Return about what one forward pass takes at most while it runs, on a card.

        The largest are the keys and values read back from the cache, which attention without flash
        repeats for each head, and what one layer makes of a whole batch of tokens.
        """
        config = text_of(config)
        heads, pairs, size = heads_of(config)
        hidden = largest(config, *WIDTH)
        inner = largest(config, "intermediate_size", "n_inner") or 4 * hidden
        at_once = 2 * pairs if flash else 2 * heads + pairs
        reach = self.blocks * self.page_tokens
        words = largest(config, "vocab_size")
        tokens = self.batch_tokens * (2 * hidden + (heads + 2 * pairs) * size + 3 * inner) * width
        # Logits in full floats, and twice more while a token is drawn.
        logits = 2 * self.requests * words * 4 * 3
        return reach * at_once * size * width + tokens + logits


def text_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a configuration says of the model of text, and what it leaves unsaid."""
    text = config.get("text_config") or config
    return {**UNSAID.get(str(text.get("model_type")), {}), **text}


def largest(config: Mapping[str, Any], *keys: str) -> int:
    """Return what a configuration says under the first of some keys; 0 if it says nothing.

    Where each layer has a number of its own, the largest.
    """
    said = next((config[key] for key in keys if config.get(key)), 0)
    return max(said) if isinstance(said, list | tuple) else said


def heads_of(config: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the heads of attention, the heads with keys and values, and the width of one."""
    config = text_of(config)
    heads = largest(config, *HEADS)
    hidden = largest(config, *WIDTH)
    if not heads:
        return 0, 0, 0
    pairs = largest(config, "num_key_value_heads") or heads
    return heads, pairs, largest(config, "head_dim") or hidden // heads


def kinds_of(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return how many layers there are of each kind of attention: to all tokens, or to a window.

    The library gives each kind blocks of its own, in pieces of a size that suits all of them.
    """
    config = text_of(config)
    layers = largest(config, *LAYERS)
    said, every = config.get("layer_types"), config.get("sliding_window_pattern")
    if isinstance(said, list) and len(said) == layers:
        return tuple(Counter(map(str, said)).values())
    if not isinstance(every, int):
        every = PATTERNS.get(str(config.get("model_type")), 0)
    whole = layers // every if every > 0 else layers
    return tuple(number for number in (layers - whole, whole) if number)


def bytes_per_token(config: Mapping[str, Any], width: int) -> int:
    """Return the bytes of keys and values of one token in all layers."""
    layers = largest(text_of(config), *LAYERS)
    _, pairs, size = heads_of(config)
    return int(2 * layers * pairs * size * width)
