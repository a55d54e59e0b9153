"""Muon: momentum whose matrix updates are made nearly orthogonal, in single precision.

Equal shapes are stacked, so that one multiplication serves all layers. PyTorch's own Muon works in
bfloat16, which is slow on most processors. Which parameters are matrices is the caller's choice.

References
----------
.. [1] K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch

MOMENTUM = 0.95
ROUNDS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of [1]: fast, and good enough in five rounds
LIKE_ADAM = 0.2  # root mean square of an update, about that of Adam


class Muon(torch.optim.Optimizer):
    """Muon over parameters of two dimensions."""

    def __init__(
        self, matrices: Iterable[torch.nn.Parameter], lr: float, weight_decay: float
    ) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 - PyTorch's name
        """Move every matrix along its orthogonalized momentum."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for shape, parameters in shapes.items():
                updates = orthogonal(torch.stack([self._momentum(p) for p in parameters]))
                size = LIKE_ADAM * max(shape) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * size)

    def _momentum(self, parameter: torch.nn.Parameter) -> torch.Tensor:
        gradient = parameter.grad
        assert gradient is not None  # noqa: S101 - the caller has looked
        held = self.state[parameter].setdefault("momentum", torch.zeros_like(gradient))
        held.lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(held, MOMENTUM)


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """Return matrices of the same singular vectors with singular values near 1."""
    tall = stack.shape[-2] > stack.shape[-1]
    x: torch.Tensor = stack.mT if tall else stack
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
