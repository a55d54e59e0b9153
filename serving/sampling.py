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

CANDIDATES = 256  # tokens that nearly always make up any top_p; if not, all are sorted


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
    """Draw from the kept part of each row: the first token whose cumulated share exceeds a roll.

    How a row is drawn follows from its own settings alone, or a seed would say something else in
    other company. Rows that keep every token need no sorting, which would take most of the time.
    """
    heat = [draw.sampling.temperature or 1.0 for draw in draws]
    share = (scores.float() / _column(heat, scores)).softmax(dim=-1)
    aim = _column(rolls, scores)
    chosen = scores.argmax(dim=-1)
    trims = [draw.sampling.top_k > 0 or draw.sampling.top_p < 1 for draw in draws]
    whole = [row for row, trim in enumerate(trims) if not trim]
    trimmed = [row for row, trim in enumerate(trims) if trim]
    if whole:
        chosen[whole] = _reach(share[whole], aim[whole], chosen[whole])
    if trimmed:
        kept, ids = _keep(share[trimmed], [draws[row] for row in trimmed])
        place = _reach(kept, aim[trimmed], torch.zeros_like(ids[:, 0]))
        chosen[trimmed] = ids.gather(-1, place.unsqueeze(-1)).squeeze(-1)
    return chosen


def _column(values: list[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, device=like.device, dtype=torch.float32).unsqueeze(-1)


def _reach(share: torch.Tensor, aim: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """Return the place in each row where the cumulated share passes a part of its whole."""
    reached = share.cumsum(dim=-1)
    place = torch.searchsorted(reached, aim * reached[:, -1:], right=True).squeeze(-1)
    # A roll next to one may be rounded to it, and then passes the last token.
    return torch.where(place < share.shape[-1], place, otherwise)


def _keep(share: torch.Tensor, draws: Sequence[Draw]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the kept shares, largest first and zero where dropped, and their tokens.

    First the ``top_k`` likeliest are kept, then of these as few as make up ``top_p``.
    """
    vocabulary = share.shape[-1]
    top_p = _column([draw.sampling.top_p for draw in draws], share)
    top_k = _column([float(draw.sampling.top_k or vocabulary) for draw in draws], share)
    need = max(int(draw.sampling.top_k) or CANDIDATES for draw in draws)
    ordered, ids = share.topk(min(need, vocabulary), dim=-1)
    if bool(((ordered.sum(dim=-1, keepdim=True) < top_p) & (top_k > ordered.shape[-1])).any()):
        ordered, ids = share.sort(dim=-1, descending=True)
    rank = torch.arange(ordered.shape[-1], device=share.device)
    ordered = ordered.masked_fill(rank >= top_k, 0.0)
    mass = torch.where(top_k < vocabulary, ordered.sum(dim=-1, keepdim=True), 1.0)
    before = (ordered.cumsum(dim=-1) - ordered) / mass
    dropped = (before >= top_p) & (rank > 0)
    return ordered.masked_fill(dropped, 0.0), ids


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
