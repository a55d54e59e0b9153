"""Read a checkpoint and its tokenizer from disk into memory.

Blocks for seconds, so it is called from a thread. Knows nothing of streams.
"""

import functools
import gc
import logging
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from serving.cache import context_of
from serving.engine import EngineError, FailureKind
from serving.quantize import check_weights, load_arguments, quiet_libraries
from serving.spec import ModelSpec, Quantization
from serving.tokens import kind_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory and what is needed to speak with it."""

    model: Any
    tokenizer: Any
    context_tokens: int
    eos: frozenset[int]


def load(spec: ModelSpec, *, cpu_threads: int = 1) -> Loaded:
    """Load a model onto its device.

    Parameters
    ----------
    cpu_threads : int, default 1
        Threads of one matrix product on the CPU. More than one makes models that run side by
        side wait for each other.

    Raises
    ------
    EngineError
        If it cannot be loaded; the message says what to mend.
    """
    check_weights(spec)
    quiet_libraries()
    _settle_libraries()
    device = device_of(spec)
    if device.type == "cpu":
        torch.set_num_threads(cpu_threads)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            spec.checkpoint, revision=spec.revision, trust_remote_code=spec.trust_remote_code
        )
        model = _model(spec, device)
    except EngineError:
        raise
    except Exception as error:  # the libraries raise anything from OSError to pickle errors
        kind = kind_of(error)
        kind = FailureKind.BACKEND if kind is FailureKind.ENGINE_DEAD else kind
        raise EngineError(kind, f"{spec.name}: cannot be loaded: {error}") from error
    return Loaded(model, tokenizer, _context(spec, model), _eos(model, tokenizer))


@functools.cache
def _settle_libraries() -> None:
    """Take what the libraries made at import out of the garbage collector's sight.

    The batching library collects garbage whenever a model is closed. With 400,000 objects of
    libraries to look at, that holds up every stream of the process for 0.3 s.
    """
    gc.collect()
    gc.freeze()


def device_of(spec: ModelSpec) -> torch.device:
    """Return the device that a specification asks for."""
    if spec.device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    device = torch.device(spec.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: device {spec.device} is not there; set device to cpu or auto",
        )
    return device


def _dtype(spec: ModelSpec, device: torch.device) -> torch.dtype | str:
    if device.type != "cpu":
        return torch.bfloat16 if spec.quantization is not Quantization.NONE else "auto"
    # Full floats are the fastest on a CPU without matrix units; int8 converts to half anyway.
    return torch.float32


def _model(spec: ModelSpec, device: torch.device) -> Any:  # noqa: ANN401 -- any architecture
    return AutoModelForCausalLM.from_pretrained(
        str(spec.checkpoint),
        dtype=_dtype(spec, device),
        device_map={"": device},
        **load_arguments(spec),
    ).train(mode=False)


def _context(spec: ModelSpec, model: Any) -> int:  # noqa: ANN401 -- any architecture
    trained = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if trained is not None and (spec.context_tokens or 0) > trained:
        raise EngineError(
            FailureKind.CONTEXT,
            f"{spec.name}: context_tokens {spec.context_tokens} is more than "
            f"the {trained} that the checkpoint was made for",
        )
    return context_of(spec, trained)


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401 -- any architecture
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
