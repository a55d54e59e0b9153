"""One copy of weights in memory and the source that runs it.

Models that differ only in adapter, prompts or sampling share it: each is a user. Knows neither
text nor templates.
"""

import gc
import logging
import threading

import torch

from serving.allocator import apart, give_back
from serving.batching import Batcher
from serving.cache import CacheShape
from serving.engine import EngineError, FailureKind
from serving.folders import adapter_folder
from serving.loading import Loaded, load
from serving.lora import AdapterBank, read_adapter
from serving.plain import Plain
from serving.sampling import Draw, SingleSampler
from serving.spec import ModelSpec
from serving.supervisor import SIT_OUT_S, Supervisor
from serving.tokens import TRIAL, SourceDiedError, TokenSource, kind_of

log = logging.getLogger(__name__)


class Weights:
    """Loaded when made, which blocks; stopped when its last user leaves.

    Raises
    ------
    EngineError
        If the model cannot be loaded or started.
    """

    @apart()
    def __init__(self, spec: ModelSpec, *, rest_s: float = SIT_OUT_S) -> None:
        self.loaded = load(spec)
        cuda = self.loaded.model.device.type == "cuda"
        self.shape = CacheShape.of(self.loaded.context_tokens, spec.batch, cuda=cuda)
        self._on_card = cuda
        self._bank = AdapterBank(self.loaded.model)
        self._users: set[str] = set()
        self._lock = threading.Lock()
        name = str(spec.checkpoint)
        first = _source(name, self.loaded, self.shape, self._bank)
        self.batched = isinstance(first, Batcher)
        self.footprint = bytes_of(self.loaded.model) + self._cache(first)

        @apart()
        def again() -> TokenSource:
            free_memory()
            # What was served batched is not made slower for good by one bad moment.
            make = _batcher if self.batched else _plain
            return make(self.loaded, self.shape, self._bank)

        self.supervisor = Supervisor(name, again, rest_s=rest_s, source=first)

    def _cache(self, source: TokenSource) -> int:
        """Return the bytes of the cache, and on a card of what a forward pass will take."""
        model = self.loaded.model
        config, width = model.config.to_dict(), model.dtype.itemsize
        flash = "flash" in str(model.config._attn_implementation)  # noqa: SLF001 -- no public name
        working = self.shape.working(config, width, flash=flash) if self._on_card else 0
        held = source.footprint if isinstance(source, Batcher) else self.shape.bytes(config, width)
        return held + working

    @apart()
    def join(self, spec: ModelSpec) -> int:
        """Add a user, with its adapter if it has one; return the adapter's bytes."""
        with self._lock:
            if spec.name in self._users:
                raise EngineError(FailureKind.BACKEND, f"{spec.name} is loaded already")
            size = 0
            if (folder := adapter_folder(spec)) is not None:
                model = self.loaded.model
                adapter = read_adapter(folder, device=model.device, dtype=model.dtype)
                self._bank.add(spec.name, adapter)
                size = adapter.footprint
            self._users.add(spec.name)
            return size

    def leave(self, name: str) -> bool:
        """Remove a user; return whether it was the last, who must then `stop`."""
        with self._lock:
            self._users.discard(name)
            self._bank.remove(name)
            return not self._users

    def stop(self) -> None:
        """End the threads and let go of the weights; blocks."""
        self.supervisor.stop()
        del self.loaded, self._bank
        free_memory()


def bytes_of(model: torch.nn.Module) -> int:
    """Return the bytes of a model's tensors, with the scales that quantized ones carry."""
    tensors = [*model.parameters(), *model.buffers()]
    for tensor in list(tensors):
        tensors += _scales(tensor)
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def _scales(tensor: torch.Tensor) -> list[torch.Tensor]:
    """Return what bitsandbytes hangs on a tensor: a scale for each row, or state in two levels."""
    state = getattr(tensor, "quant_state", None)
    inner = getattr(state, "state2", None)
    found = [getattr(tensor, "SCB", None), getattr(state, "offset", None)]
    found += [getattr(level, name, None) for level in (state, inner) for name in ("absmax", "code")]
    return [scale for scale in found if isinstance(scale, torch.Tensor)]


def _source(name: str, loaded: Loaded, shape: CacheShape, bank: AdapterBank) -> TokenSource:
    """Return a running source: batched where the library can, plain where it refuses."""
    try:
        return _batcher(loaded, shape, bank)
    except (ValueError, AttributeError, NotImplementedError) as refusal:
        log.warning("%s: no continuous batching, plain generation instead: %s", name, refusal)
    except SourceDiedError as death:
        if death.kind is not FailureKind.ENGINE_DEAD:
            raise EngineError(death.kind, f"{name}: {death}") from death
        log.warning("%s: continuous batching died, plain generation instead: %s", name, death)
    _try(name, loaded)
    return _plain(loaded, shape, bank)


def _try(name: str, loaded: Loaded) -> None:
    """Refuse a model that cannot run at all: each battle would find it out anew."""
    model = loaded.model
    try:
        ids = torch.tensor([TRIAL.ids], device=model.device)
        with torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=TRIAL.limit,
                do_sample=False,
                pad_token_id=0,
                logits_processor=[SingleSampler(Draw(TRIAL))],  # which raises what is no number
            )
    except Exception as error:  # the libraries raise anything
        kind = kind_of(error)
        kind = FailureKind.BACKEND if kind is FailureKind.ENGINE_DEAD else kind
        raise EngineError(kind, f"{name}: cannot be run: {error}") from error


def _batcher(loaded: Loaded, shape: CacheShape, bank: AdapterBank) -> Batcher:
    """Return a batcher that has run its first request."""
    batcher = Batcher(loaded.model, shape, loaded.eos, bank)
    try:
        batcher.start()
    except SourceDiedError:
        batcher.stop()
        raise
    return batcher


def _plain(loaded: Loaded, _shape: CacheShape, bank: AdapterBank) -> Plain:
    return Plain(loaded.model, loaded.eos, bank)


def free_memory() -> None:
    """Give back what nobody uses any more: to the card, and to the system."""
    if torch.cuda.is_available():  # elsewhere a full collection only holds up the event loop
        gc.collect()
        torch.cuda.empty_cache()
    give_back()
