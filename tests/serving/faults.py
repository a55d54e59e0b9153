"""Faults for running models: at a chosen step, of a chosen kind."""

from collections.abc import Callable
from typing import Any

import torch


def out_of_memory() -> None:
    """Raise what a full device raises."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")


def lost_device() -> None:
    """Raise what a broken device raises."""
    raise torch.AcceleratorError("CUDA error: device-side assert triggered")


class Faulty:
    """Counts the forward passes of a model and spoils one of them.

    Parameters
    ----------
    at : int
        The forward pass to spoil, 0 being the next.
    times : int, default 1
        How many passes are spoiled from there on.
    fault : callable, optional
        What happens; without one the logits are no numbers.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 -- any architecture
        at: int,
        *,
        times: int = 1,
        fault: Callable[[], None] | None = None,
    ) -> None:
        self._at = at
        self._times = times
        self._fault = fault
        self.passes = 0
        self._hook = model.lm_head.register_forward_hook(self)

    def __call__(self, _module: object, _args: object, logits: torch.Tensor) -> torch.Tensor:
        """Pass the logits on, spoiled or not."""
        spoil = self._at <= self.passes < self._at + self._times
        self.passes += 1
        if not spoil:
            return logits
        if self._fault is None:
            return torch.full_like(logits, torch.nan)
        self._fault()
        return logits

    def remove(self) -> None:
        """Mend the model."""
        self._hook.remove()
