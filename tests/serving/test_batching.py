"""Batches of the real library on tiny models: what they take, and how a model is given back."""

from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from transformers import ContinuousBatchingConfig

from serving import paging
from serving.batching import Batcher
from serving.cache import CacheShape
from serving.loading import load
from serving.lora import AdapterBank
from serving.spec import ModelSpec, Sampling
from serving.tokens import SourceDiedError, TokenRequest


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="llama"),
        pytest.param(
            {"family": "Gemma2", "num_hidden_layers": 3, "num_key_value_heads": 2, "head_dim": 32},
            id="layers of two kinds",
        ),
    ],
)
def test_the_footprint_is_what_the_library_allocated(
    make_checkpoint: Callable[..., Path], how: dict[str, Any]
) -> None:
    loaded = load(ModelSpec(name="m", checkpoint=str(make_checkpoint(**how))))
    shape = CacheShape.of(128, 2, cuda=False)
    batcher = Batcher(loaded.model, shape, loaded.eos, AdapterBank(loaded.model))
    batcher.start()
    try:
        config = loaded.model.config.to_dict()
        expected = shape.bytes(config, 4) + shape.inputs(config, 4, masked=True)
        assert batcher.footprint == pytest.approx(expected, rel=0.05)
    finally:
        batcher.stop()


async def test_only_a_response_that_is_left_is_cancelled(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(ModelSpec(name="m", checkpoint=str(checkpoint)))
    shape = CacheShape.of(128, 2, cuda=False)
    batcher = Batcher(loaded.model, shape, frozenset(), AdapterBank(loaded.model))
    batcher.start()
    cancelled: list[str] = []
    monkeypatch.setattr(batcher._manager, "cancel_request", cancelled.append)  # noqa: SLF001
    request = TokenRequest((5, 6), 8, Sampling(), seed=0)
    try:
        assert [token async for ids in batcher.tokens(request) for token in ids]
        assert cancelled == []
        async with aclosing(batcher.tokens(request)) as left:
            await anext(left)
        assert len(cancelled) == 1
    finally:
        batcher.stop()


def test_a_trial_that_fails_alone_is_not_waited_for(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(ModelSpec(name="m", checkpoint=str(checkpoint)))
    shape = CacheShape.of(128, 2, cuda=False)
    batcher = Batcher(loaded.model, shape, loaded.eos, AdapterBank(loaded.model))
    monkeypatch.setattr("serving.batching.START_S", 1.0)
    monkeypatch.setattr(batcher._manager.logit_processor, "check_kwargs", _refuse)  # noqa: SLF001
    try:
        with pytest.raises(SourceDiedError, match="RuntimeError: another sampler, please"):
            batcher.start()
    finally:
        batcher.stop()


def _refuse(_: object) -> None:
    raise ValueError("another sampler, please")


def state_of(model: Any) -> tuple[str, int]:  # noqa: ANN401 -- any architecture
    """Return what a batcher changes on a model: its attention's name and its hooks."""
    return model.config._attn_implementation, len(model._forward_pre_hooks)  # noqa: SLF001


@pytest.mark.parametrize("switch", [paging.SWITCH, "not_there"], ids=["this version", "5.17"])
def test_a_model_is_given_back_as_it_was(
    switch: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(ModelSpec(name="m", checkpoint=str(checkpoint)))
    model, shape = loaded.model, CacheShape.of(128, 2, cuda=False)
    before = state_of(model)
    monkeypatch.setattr(paging, "SWITCH", switch)
    monkeypatch.setattr(model, "set_attn_implementation", partial(_name, model))
    if switch == "not_there" and hasattr(ContinuousBatchingConfig, "auto_switch_to_flash"):
        with pytest.raises(ValueError, match=r"paged\|sdpa is not supported"):
            Batcher(model, shape, loaded.eos, AdapterBank(model))
    else:
        batcher = Batcher(model, shape, loaded.eos, AdapterBank(model))
        batcher.start()
        assert state_of(model) != before
        batcher.stop()
    assert state_of(model) == before


def _name(model: Any, name: str) -> None:  # noqa: ANN401 -- any architecture
    model.config._attn_implementation = name  # noqa: SLF001


def test_a_model_that_lies_on_two_devices_is_refused(make_checkpoint: Callable[..., Path]) -> None:
    model: Any = load(ModelSpec(name="m", checkpoint=str(make_checkpoint()))).model
    model.hf_device_map = {"model": 0, "lm_head": 1}
    with pytest.raises(ValueError, match="it lies on"):
        Batcher(model, CacheShape.of(128, 2, cuda=False), frozenset({2}), AdapterBank(model))
