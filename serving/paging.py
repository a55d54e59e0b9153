"""How a model is set up for continuous batching: nothing is left to the library's guesses.

Knows the library's versions and its kinds of attention, and no request.
"""

import logging
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

from transformers import ContinuousBatchingConfig, GenerationConfig

from serving.cache import CacheShape, kinds_of
from serving.estimate import has_flash

log = logging.getLogger(__name__)

FAST_BLOCKS = 32  # of a request, for the fast path of flash attention, unless more is asked for
SWITCH = "auto_switch_to_flash"  # a setting that transformers 5.17 and 5.18 do not have
PAGE = "page_size"  # one that 5.17 calls otherwise


def check_attention(model: Any) -> None:  # noqa: ANN401 -- any architecture
    """Refuse a model whose attention cannot be paged.

    Raises
    ------
    ValueError
        With the reason.
    """
    if not model._can_set_attn_implementation():  # noqa: SLF001 -- the library asks it too
        # The library would go on, and requests would read each other's text.
        raise ValueError(f"{type(model).__name__} has an attention of its own")
    if len(set(getattr(model, "hf_device_map", {}).values())) > 1:
        # The library's cache lies on one device, and so must all layers.
        raise ValueError(f"it lies on {model.hf_device_map}")
    if not _has(PAGE) and len(kinds_of(model.config.to_dict())) > 1:
        # That version shares the blocks out among them: a response would find a part of its room.
        raise ValueError("layers of several kinds are batched from transformers 5.18 on")


def greedy(eos: list[int]) -> GenerationConfig:
    """Return settings without processors: the sampler leaves one token, the library takes it."""
    return GenerationConfig(do_sample=False, eos_token_id=eos)  # type: ignore[no-untyped-call]


def settings(shape: CacheShape, blocks: int, *, flash: bool) -> ContinuousBatchingConfig:
    """Return the library's settings, each said: its own guesses are for one model on a card.

    What is not said here it resolves in `continuous_batching/initialization.py`; the reasons are
    from there, from `cache.py` and from `model_runner.py` beside it (transformers 5.17 and 5.23).
    """
    longest = shape.blocks_for(shape.tokens // shape.requests)
    # What one version calls otherwise, or does not have.
    differing: dict[str, Any] = {PAGE if _has(PAGE) else "block_size": shape.page_tokens}
    if _has(SWITCH):
        # It would take kernels from the hub if it may, which is code from elsewhere.
        differing[SWITCH] = False
    return ContinuousBatchingConfig(
        num_blocks=blocks,
        **differing,
        max_batch_tokens=shape.batch_tokens,
        max_requests_per_batch=min(shape.requests * 2, shape.batch_tokens),
        # It checks its needs against this share of what is free. The pool has done so already, and
        # keeps a reserve; less than all would refuse the last model that fits. So would 5.17, which
        # counts logits of every token of a batch: two gigabytes that nobody takes.
        max_memory_percent=1.0 if _has(PAGE) else 2.0,
        # The fast path of flash attention serves requests of up to so many blocks, 32 if unset.
        # Set where there is no flash attention it only warns.
        max_blocks_per_request=longest if flash and longest > FAST_BLOCKS else None,
        # The same text means other keys and values under another adapter.
        allow_block_sharing=False,
        # Samplers must see the logits of the batch they were told of; and it doubles the inputs.
        use_async_batching=False,
        # A graph would replay the numbers that the sampler rolled when it was captured.
        use_cuda_graph=False,
    )


def _has(setting: str) -> bool:
    return any(field.name == setting for field in fields(ContinuousBatchingConfig))


def page(model: Any) -> str | None:  # noqa: ANN401 -- any architecture
    """Keep a library that cannot be told otherwise from looking for flash kernels on the hub.

    Transformers 5.17 leaves an attention alone that is paged already. Return the name to give back
    at the end, or None if nothing was changed.
    """
    if _has(SWITCH):
        return None
    before = str(model.config._attn_implementation)  # noqa: SLF001 -- there is no public name
    model.set_attn_implementation(f"paged|{before}")
    return before


def use_flash(model: Any) -> bool:  # noqa: ANN401 -- any architecture
    """Let a model on a card use flash attention if it is installed: no masks, no repeated heads."""
    if model.device.type != "cuda" or not has_flash() or not model._supports_flash_attn:  # noqa: SLF001
        return False
    three = find_spec("flash_attn_interface") is not None
    try:
        model.set_attn_implementation("flash_attention_3" if three else "flash_attention_2")
    except (ImportError, ValueError) as refusal:  # too old a card, or a width it has no kernel for
        log.warning("no flash attention for %s: %s", type(model).__name__, refusal)
        return False
    return True
