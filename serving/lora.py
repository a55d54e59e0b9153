"""Adapters on shared weights: each token of a mixed batch gets the adapter of its own request.

The library's continuous batching knows one adapter at a time. Here every adapted layer adds, after
its own output, ``scale * B A x`` on the rows of each adapter's requests, so that many adapted
models cost one copy of the weights. Whose rows are whose is said before each forward pass, by the
thread that runs it. Only plain LoRA on linear layers is that; what counts as plain,
`serving.adapters` knows.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from serving.adapters import (
    BASE,
    DOWN,
    MERGE,
    PREFIX,
    SAVED,
    UNSAID,
    UP,
    WEIGHTS,
    adapter_config,
    adapter_layers,
    adapter_shapes,
)
from serving.contents import refusal

Rows = slice | torch.Tensor


@dataclass(frozen=True, slots=True)
class Adapter:
    """Low-rank changes of layers, by the layers' names."""

    layers: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    scale: float

    @property
    def footprint(self) -> int:
        """Bytes of all matrices."""
        return sum(matrix.nbytes for pair in self.layers.values() for matrix in pair)


def read_adapter(folder: Path, *, device: torch.device, dtype: torch.dtype) -> Adapter:
    """Return the adapter in a folder as PEFT writes it.

    Raises
    ------
    EngineError
        If it cannot be read or is more than plain LoRA; the message says what to do.
    """
    config = adapter_config(folder)
    names = adapter_layers(folder, config, adapter_shapes(folder))
    rank = config.get("r", UNSAID)
    try:
        weights = load_file(folder / WEIGHTS, device=str(device))
    except (OSError, ValueError, SafetensorError) as error:
        raise refusal(f"the adapter {folder} cannot be read: {error}", SAVED) from error
    found = {key.removeprefix(PREFIX): matrix.to(dtype) for key, matrix in weights.items()}
    layers = {name: (found[name + DOWN], found[name + UP]) for name in names}
    spread = math.sqrt(rank) if config.get("use_rslora") else rank
    return Adapter(layers, float(config.get("lora_alpha", UNSAID)) / spread)


class AdapterBank:
    """The adapters of one model in memory."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 -- any architecture
        self._model = model
        self._adapters: dict[str, Adapter] = {}
        self._hooks: dict[str, Any] = {}
        self._batch = threading.local()

    def add(self, name: str, adapter: Adapter) -> None:
        """Add an adapter, or replace one of the same name.

        Raises
        ------
        EngineError
            If a layer it changes is not one of the model's, or not of its size, or sees only some
            of the tokens.
        """
        modules = dict(self._model.named_modules())
        head = self._model.get_output_embeddings()
        for layer, (down, up) in adapter.layers.items():
            module = modules.get(layer)
            if module is not None and module is head:
                # The library hands it only the tokens that a next one is drawn after: whose they
                # are, nobody says.
                raise refusal(f"the adapter of {name} changes the output layer {layer}", MERGE)
            if _sizes(module) != (down.shape[1], up.shape[0]):
                raise refusal(
                    f"the adapter of {name} does not fit the model at {layer}",
                    BASE,
                )
        for layer in adapter.layers:
            if layer not in self._hooks:
                hook = modules[layer].register_forward_hook(self._hook_of(layer))
                self._hooks[layer] = hook
        # A model may lie on several devices, and a matrix works where its layer is.
        homes = {layer: modules[layer].weight.device for layer in adapter.layers}
        layers = {
            layer: (down.to(homes[layer]), up.to(homes[layer]))
            for layer, (down, up) in adapter.layers.items()
        }
        self._adapters = {**self._adapters, name: Adapter(layers, adapter.scale)}

    def remove(self, name: str) -> None:
        """Forget an adapter."""
        self._adapters = {key: kept for key, kept in self._adapters.items() if key != name}

    def set_batch(self, parts: Sequence[tuple[str | None, int]]) -> None:
        """Say whose tokens the next forward pass of this thread holds.

        Parameters
        ----------
        parts : sequence of (adapter or None, number of tokens)
            In the order of the batch. A single part may cover more tokens than it says.
        """
        names = {name for name, _ in parts}
        if len(names) == 1:
            (name,) = names
            self._batch.rows = {} if name is None else {name: slice(None)}
            return
        rows: dict[str, list[int]] = {}
        start = 0
        for name, size in parts:
            if name is not None:
                rows.setdefault(name, []).extend(range(start, start + size))
            start += size
        device = self._model.device
        self._batch.rows = {name: torch.tensor(at, device=device) for name, at in rows.items()}

    def _hook_of(self, layer: str) -> Any:  # noqa: ANN401 -- torch's type of hooks
        def change(_module: object, args: tuple[torch.Tensor, ...], out: torch.Tensor) -> Any:  # noqa: ANN401
            rows: Mapping[str, Rows] = getattr(self._batch, "rows", {})
            for name, at in rows.items():
                adapter = self._adapters.get(name)
                if adapter is None or layer not in adapter.layers:
                    continue
                down, up = adapter.layers[layer]
                # Tokens are the last axis but one, also where a model takes the batch's away (OPT).
                seen = args[0][..., at, :].to(down.dtype)
                out[..., at, :] += (((seen @ down.T) @ up.T) * adapter.scale).to(out.dtype)
            return out

        return change


def _sizes(module: object) -> tuple[object, object]:
    """Return how wide a layer's input and its output are; GPT-2 has names of its own for it."""
    wide = ("in_features", "out_features") if hasattr(module, "in_features") else ("nx", "nf")
    return getattr(module, wide[0], None), getattr(module, wide[1], None)
