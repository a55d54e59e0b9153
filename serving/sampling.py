"""Draw the next token, for many requests at once and the same for each seed.

The library seeds a whole process or a whole batch; here each request has its own dice, so that a
response depends on its seed and not on who else was served. Logits that are no numbers raise: the
library would answer token 0 for ever, or take the device down with it.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from transformers import LogitsProcessor
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
)

from serving.tokens import TokenRequest


class NanLogitsError(RuntimeError):
    """A model computed something that is not a number."""

    def __init__(self) -> None:
        super().__init__("the logits are not a number")


class Draw:
    """The sampling of one request, and its dice."""

    def __init__(self, request: TokenRequest) -> None:
        self.sampling = request.sampling
        self.adapter = request.adapter
        self._dice = Random(request.seed)  # noqa: S311 -- a response, not a secret
        for _ in range(request.drawn):
            self._dice.random()

    def roll(self) -> float:
        """Return the next number in [0, 1)."""
        return self._dice.random()


def choose(scores: torch.Tensor, draws: Sequence[Draw]) -> torch.Tensor:
    """Return one token id for each row of logits.

    Parameters
    ----------
    scores : Tensor of shape (n_requests, n_vocabulary)
        Logits.
    draws : sequence of n_requests draws
        Each rolls its dice once, also where the likeliest token is taken.

    Raises
    ------
    NanLogitsError
        If any row has no largest number.
    """
    if not bool(scores.amax(dim=-1).isfinite().all()):
        raise NanLogitsError
    rolls = [draw.roll() for draw in draws]
    if all(draw.sampling.temperature == 0 for draw in draws):
        return scores.argmax(dim=-1)
    chosen = _sample(scores, draws, rolls)
    greedy = torch.tensor([draw.sampling.temperature == 0 for draw in draws], device=scores.device)
    return torch.where(greedy, scores.argmax(dim=-1), chosen)


def _sample(scores: torch.Tensor, draws: Sequence[Draw], rolls: list[float]) -> torch.Tensor:
    """Draw from the kept part of each row: the first token whose cumulated share exceeds a roll."""
    vocabulary = scores.shape[-1]

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, device=scores.device, dtype=torch.float32).unsqueeze(-1)

    heat = column([draw.sampling.temperature or 1.0 for draw in draws])
    top_p = column([draw.sampling.top_p for draw in draws])
    top_k = column([float(draw.sampling.top_k or vocabulary) for draw in draws])
    ordered, ids = torch.sort(scores.float() / heat, dim=-1, descending=True)
    share = ordered.softmax(dim=-1)
    before = share.cumsum(dim=-1) - share
    rank = torch.arange(vocabulary, device=scores.device)
    share = share.masked_fill((before >= top_p) | (rank >= top_k), 0.0)
    share[:, 0].clamp_(min=torch.finfo(share.dtype).tiny)
    reached = share.cumsum(dim=-1)
    place = (reached <= column(rolls) * reached[:, -1:]).sum(dim=-1, keepdim=True)
    last = (share > 0).sum(dim=-1, keepdim=True) - 1
    return ids.gather(-1, torch.minimum(place, last)).squeeze(-1)


def _only(chosen: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Return logits that leave nothing but the chosen tokens."""
    barred = torch.full_like(scores, -torch.inf)
    return barred.scatter_(-1, chosen.unsqueeze(-1), 0.0)


class BatchSampler(ContinuousBatchingLogitsProcessor):
    """The sampler as continuous batching calls it: first with requests, then with logits."""

    supported_kwargs: dict[str, type] = {"draw": Draw}  # noqa: RUF012 -- the library's declaration
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._draws: list[Draw] = []

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        """Leave the library's own storage alone: draws travel beside it."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> torch.Tensor:
        """Remember whose logits come next, row by row."""
        self._draws = [row.state.logit_processor_kwargs["draw"] for row in requests_with_new_token]
        return torch.zeros(len(self._draws), dtype=torch.int32)

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Leave each row nothing but its drawn token.

        A request whose prompt is not read to its end yet has a row too, after all others, which
        the library ignores.
        """
        if not self._draws:
            return scores
        drawn = scores[: len(self._draws)]
        return torch.cat([_only(choose(drawn, self._draws), drawn), scores[len(self._draws) :]])


class SingleSampler(LogitsProcessor):
    """The sampler as plain generation calls it: one request, a row for it."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Leave the row nothing but its drawn token."""
        return _only(choose(scores, [self._draw]), scores)
