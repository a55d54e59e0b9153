"""What the parts of the benchmark for a card share: the model, its settings, the device.

Weights are random and of a published shape: speed and memory do not depend on what they say.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.report import Row
from benchmarks.serving import write_tokenizer
from benchmarks.shapes import LLAMA_2_7B
from serving.engine import Done, Engine, Prompt
from serving.spec import ModelSpec, Sampling

GB: Final = 1e9
ASKED: Final = "Why does the moon look larger near the horizon?"
BUDGET: Final = 24_000_000_000  # bytes
TINY_BUDGET: Final = 30_000_000
TINY: Final[dict[str, Any]] = LLAMA_2_7B | {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


@dataclass(frozen=True)
class Work:
    """What is measured, and where; a rehearsal measures next to nothing on the processor."""

    folder: Path
    device: str = "cuda:0"
    shape: Mapping[str, Any] = field(default_factory=lambda: LLAMA_2_7B)
    battles: Sequence[int] = (1, 4, 16, 64)
    tokens: int = 64
    window_s: float = 25.0  # plain generate is stopped after so many seconds, and counted
    models: int = 16
    budget: int = BUDGET
    copied: int = 2**31  # bytes, for the bandwidth
    rounds: int = 3

    @property
    def on_card(self) -> bool:
        """Whether memory is a card's."""
        return self.device != "cpu"

    @property
    def checkpoint(self) -> Path:
        """The folder of the random weights."""
        return self.folder / "model"


def tiny(folder: Path) -> Work:
    """Return the work of a rehearsal."""
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    few = Work(folder, device, TINY, battles=(1, 2), tokens=4, window_s=5.0, models=3)
    return replace(few, budget=TINY_BUDGET, copied=2**20, rounds=1)


def write_random(place: Path, work: Work, **changes: int) -> Path:
    """Write a checkpoint of random weights of a shape, made on the device; return its folder."""
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415 - here alone

    shape = {**work.shape, **changes}
    settings = {key: value for key, value in shape.items() if key != "model_type"}
    ends = {"eos_token_id": None, "bos_token_id": None}
    config = AutoConfig.for_model(shape["model_type"], **settings, **ends)
    torch.manual_seed(0)
    with torch.device(work.device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    model.save_pretrained(place)
    write_tokenizer(place)
    return place


def spec_of(
    work: Work, quantization: str = "nf4", number: int = 0, batch: int = 4, **more: object
) -> ModelSpec:
    """Return a model on weights of its own: another folder, though its files are the same."""
    place = work.folder / f"model-{number}"
    if not place.exists():
        place.symlink_to(work.checkpoint.resolve(), target_is_directory=True)
    return ModelSpec.model_validate(
        {
            "name": f"m{number}",
            "checkpoint": str(place),
            "quantization": quantization,
            "context_tokens": 512,
            "output_tokens": 256,
            "batch": batch,
            "device": work.device,
            "cache": str(work.folder / "cache"),
            "sampling": Sampling(temperature=0.7),
            **more,
        }
    )


async def respond(engine: Engine, work: Work, seed: int = 0) -> int:
    """Let an engine respond to the end; return its tokens."""
    prompt = Prompt(Prompt.of(ASKED).messages, seed=seed, max_tokens=work.tokens)
    last = [event async for event in engine.stream(prompt)][-1]
    if not isinstance(last, Done):
        raise TypeError(f"a response was lost: {last}")
    return last.tokens


def row(
    figure: str,
    value: float,
    beside: float | None = None,
    *,
    least: float | None = None,
    most: float | None = None,
    share: float | None = None,
    arithmetic: str = "",
) -> Row:
    """Return a figure, what stands beside it, and between which bounds their quotient must lie."""
    return {
        "figure": figure,
        "value": value,
        "beside": beside,
        "times": value / beside if beside else None,
        "at least": least,
        "at most": most,
        "share of the floor": share,
        "arithmetic": arithmetic,
    }


def wait(work: Work) -> None:
    """Wait until a card has done all that it was asked for."""
    if work.on_card:
        torch.cuda.synchronize()


def allocated(work: Work) -> int | None:
    """Return the bytes in use on a card; None for main memory, where nobody counts."""
    return torch.cuda.memory_allocated() if work.on_card else None


def bandwidth(work: Work) -> float:
    """Return the bytes that the device's memory moves in a second, read and written together."""
    source = torch.zeros(work.copied, dtype=torch.uint8, device=work.device)
    target = torch.empty_like(source)
    target.copy_(source)
    wait(work)
    start = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    wait(work)
    return 10 * 2 * work.copied / (time.perf_counter() - start)
