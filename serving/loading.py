"""Read a checkpoint and its tokenizer from disk into memory.

Blocks for seconds, so it is called from a thread. Knows nothing of streams.
"""

import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from serving.cache import context_of
from serving.checkpoint import GENERATION, POSITIONS, read_checkpoint
from serving.contents import is_there, object_in
from serving.devices import SPREAD, devices_of
from serving.engine import EngineError, FailureKind
from serving.estimate import estimate
from serving.foreign import check_code
from serving.kept import BUFFERS, read, write
from serving.quantize import load_arguments, quiet_libraries
from serving.shelf import Shelf, keeps
from serving.spec import ModelSpec, Quantization
from serving.tokens import kind_of

log = logging.getLogger(__name__)

QUANTIZED = {"Int8Params", "Params4bit"}  # bitsandbytes' own, of a matrix that it quantized
FILLED = 0.9  # of the share that a card is given: the library keeps the rest where it quantizes


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory and what is needed to speak with it."""

    model: Any
    tokenizer: Any
    context_tokens: int
    eos: frozenset[int]
    known_ids: int | None
    """How many ids it has a row of numbers for; None where its code does not say."""


def load(spec: ModelSpec) -> Loaded:
    """Load a model onto its device.

    Raises
    ------
    EngineError
        If it cannot be loaded; the message says what to mend.
    """
    folder = read_checkpoint(spec).folder
    if spec.trust_remote_code:
        check_code(spec.name, folder)
    quiet_libraries()
    _settle_libraries()
    devices = devices_for(spec)
    if devices[0].type == "cpu":
        torch.set_num_threads(1)  # with more, models side by side wait for each other
    try:
        # By folder, also what was named on the hub: what was measured is what is read.
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
        model = _model(spec, folder, devices)
    except EngineError:
        raise
    except Exception as error:  # the libraries raise anything from OSError to pickle errors
        kind = kind_of(error)
        kind = FailureKind.BACKEND if kind is FailureKind.ENGINE_DEAD else kind
        raise EngineError(kind, f"{spec.name}: cannot be loaded: {error}") from error
    eos = _eos(model, tokenizer)
    # How to draw, the roster says: penalties and beams of the checkpoint's own would count where
    # generation is plain, and nowhere else.
    model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    return Loaded(model, tokenizer, _context(spec, model), eos, _known_ids(model))


@cache
def _settle_libraries() -> None:
    """Leave cuDNN out of attention, and what libraries made at import to itself.

    Torch prefers cuDNN on new cards, and it builds a plan for each new length of text, which takes
    tenths of a second: with text that grows by a token each time, for each token. The batching
    library collects garbage whenever a model is closed. With 400,000 objects of libraries to look
    at, that holds up every stream of the process for 0.3 s.
    """
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    gc.collect()
    gc.freeze()


def devices_for(spec: ModelSpec) -> list[torch.device]:
    """Return the devices that a specification asks for, the first one that its input goes to.

    Raises
    ------
    EngineError
        If one is not there.
    """
    if spec.device == "auto":
        return [torch.device("cuda:0" if torch.cuda.is_available() else "cpu")]
    devices = [torch.device(device) for device in devices_of(spec.device)]
    if devices[0].type == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: device {spec.device} is not there; set device to cpu or auto",
        )
    return [
        torch.device("cuda:0") if device == torch.device("cuda") else device for device in devices
    ]


def _dtype(device: torch.device) -> torch.dtype:
    # Full floats are the fastest on a CPU without matrix units; int8 converts to half anyway.
    return torch.float32 if device.type == "cpu" else torch.bfloat16


def _model(spec: ModelSpec, folder: Path, devices: list[torch.device]) -> Any:  # noqa: ANN401 -- any architecture
    """Return the weights: from the shelf if they are there, else quantized now and put there."""
    if not keeps(spec):
        return _read(folder, spec, devices, load_arguments(spec))
    shelf = Shelf.of(spec, folder, cuda=devices[0].type == "cuda")
    if (kept := shelf.find()) is not None:
        for way in _ways(kept, spec, devices):
            try:
                return way()
            except Exception as error:
                if kind_of(error) in (FailureKind.OUT_OF_MEMORY, FailureKind.PROCESS_DEAD):
                    raise  # that says nothing of what is kept
                what = f"{type(error).__name__}: {error}"
                log.warning(
                    "%s: reading the quantized weights in %s failed: %s", spec.name, kept, what
                )
        shelf.remove()
    model = _read(folder, spec, devices, load_arguments(spec))
    # Before any forward pass: on a CPU the first one repacks four-bit weights.
    shelf.put(partial(write, model))
    return model


def _ways(kept: Path, spec: ModelSpec, devices: list[torch.device]) -> Iterator[Callable[[], Any]]:
    """Yield how kept weights can be read, the quickest way first."""
    if len(devices) == 1 and (kept / BUFFERS).is_file():
        yield partial(read, kept, dtype=_dtype(devices[0]), device=devices[0])
    # The quantization is the entry's own: its configuration says it.
    yield partial(_read, kept, spec, devices, {"use_safetensors": True})


def _read(
    folder: Path, spec: ModelSpec, devices: list[torch.device], arguments: dict[str, Any]
) -> Any:  # noqa: ANN401 -- any architecture
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=_dtype(devices[0]),
        output_loading_info=True,
        **device_arguments(spec, devices),
        **_ends_alone(folder),
        **arguments,
    )
    model, told = loaded
    model.train(mode=False)
    _check_whole(spec, model, told["missing_keys"])
    spilled = {str(device) for device in getattr(model, "hf_device_map", {}).values()}
    if len(devices) > 1 and spilled & {"cpu", "disk"}:
        raise EngineError(
            FailureKind.OUT_OF_MEMORY,
            f"{spec.name}: does not fit on {spec.device}; name more cards, or quantize it",
        )
    return model


def _ends_alone(folder: Path) -> dict[str, Any]:
    """Return of how a checkpoint would draw what ends a turn; the library checks all that it gets.

    It refuses a checkpoint for settings that nobody asks for, such as too many responses.
    """
    if not is_there(file := folder / GENERATION):
        return {}
    ends = object_in(file).get("eos_token_id")
    return {"generation_config": GenerationConfig(eos_token_id=ends)}  # type: ignore[no-untyped-call]


def _check_whole(spec: ModelSpec, model: Any, missing: set[str]) -> None:  # noqa: ANN401 -- any architecture
    """Refuse what the library loads as well as it can: without its weights, or at full width."""
    parameters = dict(model.named_parameters())
    if lacking := sorted(missing & parameters.keys()):  # a buffer may be computed
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: the files have no {lacking[0]}{more}, which {type(model).__name__} "
            "would take at random; copy or download the checkpoint again, whole",
        )
    if spec.quantization is Quantization.NONE:
        return
    if not QUANTIZED & {type(parameter).__name__ for parameter in parameters.values()}:
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: the library quantizes no layer of {type(model).__name__}; set "
            "quantization to none",
        )


def device_arguments(spec: ModelSpec, devices: list[torch.device]) -> dict[str, Any]:
    """Return where `from_pretrained` puts weights: on one device, or evenly on several."""
    if len(devices) == 1:
        return {"device_map": {"": devices[0]}}
    share = estimate(spec, cuda=True).weights / len(devices) * SPREAD
    if spec.quantization is not Quantization.NONE:
        share /= FILLED
    return {
        # Layer after layer, each card up to its share: what the pool counted with.
        "device_map": "sequential",
        "max_memory": {device.index: int(share) for device in devices},
    }


def _context(spec: ModelSpec, model: Any) -> int:  # noqa: ANN401 -- any architecture
    config = model.config.get_text_config()
    trained = next((said for name in POSITIONS if (said := getattr(config, name, None))), None)
    if trained is not None and (spec.context_tokens or 0) > trained:
        raise EngineError(
            FailureKind.CONTEXT,
            f"{spec.name}: context_tokens {spec.context_tokens} is more than "
            f"the {trained} that the checkpoint was made for",
        )
    return context_of(spec, trained)


def _known_ids(model: Any) -> int | None:  # noqa: ANN401 -- any architecture
    try:
        return len(model.get_input_embeddings().weight)
    except (AttributeError, NotImplementedError):
        return None


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401 -- any architecture
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    ends = (token for token in (*listed, tokenizer.eos_token_id) if token is not None)
    return frozenset(token for token in ends if token >= 0)  # some write -1 for none
