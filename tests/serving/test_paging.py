"""What the library is told before it batches: how much it may take, and what it must not guess."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serving import paging
from serving.cache import CacheShape
from serving.loading import load
from serving.paging import FAST_BLOCKS, PAGE, check_attention, settings
from serving.spec import ModelSpec


def test_nothing_that_costs_memory_is_left_to_the_library() -> None:
    shape = CacheShape.of(2048, 4, cuda=True)
    told = settings(shape, shape.blocks, flash=False)
    page = told.page_size if hasattr(told, "page_size") else told.block_size
    assert (told.num_blocks, page, told.max_batch_tokens) == (36, 256, 2048)
    assert told.max_requests_per_batch == 8
    assert told.max_memory_percent == (1.0 if hasattr(told, PAGE) else 2.0)
    assert (told.use_async_batching, told.use_cuda_graph) == (False, False)
    assert not getattr(told, "auto_switch_to_flash", False)


def test_a_version_that_counts_logits_that_nobody_makes_does_not_decide_what_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Transformers 5.17 with a vocabulary of 256,000: 2.5 GiB it says, 1.0 are taken."""
    monkeypatch.setattr(paging, "_has", lambda _setting: False)
    monkeypatch.setattr(paging, "ContinuousBatchingConfig", SimpleNamespace)
    shape = CacheShape.of(2048, 4, cuda=True)
    said: Any = settings(shape, shape.blocks, flash=False)
    assert said.max_memory_percent == 2.0


@pytest.mark.parametrize(("context", "longer"), [(4096, False), (32_768, True)])
def test_long_requests_stay_on_the_fast_path(context: int, *, longer: bool) -> None:
    shape = CacheShape.of(context, 2, cuda=True)
    asked = settings(shape, shape.blocks, flash=True).max_blocks_per_request
    assert settings(shape, shape.blocks, flash=False).max_blocks_per_request is None
    assert (asked is not None) == longer
    if longer:
        assert asked is not None
        assert asked * shape.page_tokens >= context
    else:
        assert FAST_BLOCKS * shape.page_tokens >= context


@pytest.mark.parametrize("family", ["Llama", "Gemma2"])
def test_layers_of_several_kinds_are_batched_where_each_has_blocks_of_its_own(
    family: str, make_checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_checkpoint(family=family, num_hidden_layers=3)
    loaded = load(ModelSpec(name="m", checkpoint=str(folder)))
    monkeypatch.setattr("serving.paging._has", lambda setting: setting == PAGE)
    check_attention(loaded.model)
    monkeypatch.setattr("serving.paging._has", lambda _: False)  # as transformers 5.17
    if family == "Llama":
        check_attention(loaded.model)
        return
    with pytest.raises(ValueError, match=r"from transformers 5\.18 on"):
        check_attention(loaded.model)
