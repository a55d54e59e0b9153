"""Draw the next token, for many requests at once and the same for each seed.

The library seeds a whole process or a whole batch; here each request has its own dice, so that a
response depends on its seed and not on who else was served. Shares are added up as whole numbers,
and tokens of one share stand in the order of their ids, so that it does not matter how a device
sorts and adds, which differs with the company. Logits that are no numbers raise: the library would
answer token 0 for ever, or take the device down with it.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import torch
from transformers import LogitsProcessor
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
)

from serving.tokens import TokenRequest

CANDIDATES = 256  # tokens that nearly always make up any top_p; if not, all are sorted
HEAT, ROLL, TOP_P, TOP_K, AT = range(5)  # columns of what is said about the rows of a batch
COLDEST = 1e-30  # below it a temperature could be rounded to none
WHOLE = 2.0**40  # the likeliest token in whole numbers; 8 million of its like can be added up


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

    A card is written to once and asked once, whatever the number of rows: each question waits for
    everything that was asked of it before.

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
    groups = _groups(draws)
    numbers = _numbers(draws, groups).to(scores.device, non_blocking=True)
    most = scores.amax(dim=-1, keepdim=True)
    answers = [most.isfinite().all()]
    chosen = scores.argmax(dim=-1)
    if groups.whole:
        rows = _rows(numbers, 0, len(groups.whole))
        said = numbers[rows]
        place = _reach(_counted(_share(scores[rows], most[rows], said)), said)
        chosen[rows] = place.squeeze(-1)
    if not groups.trimmed:
        _check(_ask(answers))
        return chosen
    rows = _rows(numbers, len(groups.whole), len(groups.trimmed))
    said = numbers[rows]
    share = _share(scores[rows], most[rows], said)
    total = _counted(share).sum(dim=-1, keepdim=True)
    ordered = share.topk(_enough(share, [draws[row] for row in groups.trimmed]), dim=-1).values
    answers.append(_falls_short(ordered, total, said))
    if _check(_ask(answers)):
        ordered = share.sort(dim=-1, descending=True).values
    place = _reach(_trim(_counted(ordered), total, said, share.shape[-1]), said)
    chosen[rows] = _token_at(place, ordered, share)
    return chosen


def _ask(answers: list[torch.Tensor]) -> list[bool]:
    """Read answers back from their device, all at one time."""
    found: list[bool] = torch.stack(answers).tolist()
    return found


def _check(answers: list[bool]) -> bool:
    """Return the last answer; the first is whether every row has a largest number."""
    if not answers[0]:
        raise NanLogitsError
    return answers[-1]


class _Groups(NamedTuple):
    """Rows by how they are drawn: from all tokens, from some, or the likeliest one."""

    whole: list[int]
    trimmed: list[int]
    greedy: list[int]


def _groups(draws: Sequence[Draw]) -> _Groups:
    """Return who is drawn how.

    It follows from a row's own settings alone, or a seed would say something else in other company.
    Rows that keep every token need no sorting, which would take most of the time.
    """
    groups = _Groups([], [], [])
    for row, said in enumerate(draw.sampling for draw in draws):
        trims = said.top_k > 0 or said.top_p < 1
        groups[2 if said.temperature == 0 else int(trims)].append(row)
    return groups


def _numbers(draws: Sequence[Draw], groups: _Groups) -> torch.Tensor:
    """Return all that is said about all rows as one table, which travels at once."""
    order = [row for group in groups for row in group]
    said = [(draw.sampling, draw.roll()) for draw in draws]
    table = [
        (max(one.temperature, COLDEST), roll, one.top_p, one.top_k or math.inf, at)
        for (one, roll), at in zip(said, order, strict=True)
    ]
    return torch.tensor(table, dtype=torch.float64)


def _rows(numbers: torch.Tensor, start: int, size: int) -> slice | torch.Tensor:
    """Return the places of a group's rows, which are on their device already."""
    return slice(None) if size == len(numbers) else numbers[start : start + size, AT].long()


def _share(scores: torch.Tensor, most: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Return how likely each token is beside the likeliest one of its row."""
    return (scores.float() - most).div_(said[:, HEAT, None].float()).exp_()


def _counted(share: torch.Tensor) -> torch.Tensor:
    """Return shares as whole numbers, whose sums do not depend on the order of adding."""
    return (share * WHOLE).long()


def _reach(counted: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Return the place in each row where the cumulated share passes what was rolled."""
    reached = counted.cumsum(dim=-1)
    total = reached[:, -1:]
    # A roll next to one may be rounded to it, and would pass the last token.
    aim = (said[:, ROLL, None] * total).long().minimum(total - 1)
    return torch.searchsorted(reached, aim, right=True)


def _enough(share: torch.Tensor, draws: Sequence[Draw]) -> int:
    """Return how many of the likeliest tokens are looked at first."""
    need = max(draw.sampling.top_k or CANDIDATES for draw in draws)
    return min(need, share.shape[-1])


def _falls_short(ordered: torch.Tensor, total: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Tell whether the likeliest tokens are fewer than some row keeps."""
    seen = _counted(ordered).sum(dim=-1)
    less = seen < said[:, TOP_P] * total.squeeze(-1)
    return (less & (said[:, TOP_K] > ordered.shape[-1])).any()


def _trim(
    counted: torch.Tensor, total: torch.Tensor, said: torch.Tensor, vocabulary: int
) -> torch.Tensor:
    """Return the shares, largest first, with zero for tokens that are dropped.

    First the ``top_k`` likeliest are kept, then of these as few as make up ``top_p``.
    """
    top_p, top_k = said[:, TOP_P, None], said[:, TOP_K, None]
    rank = torch.arange(counted.shape[-1], device=counted.device)
    counted = counted.masked_fill(rank >= top_k, 0)
    reached = counted.cumsum(dim=-1)
    mass = torch.where(top_k < vocabulary, reached[:, -1:], total)
    dropped = (reached - counted >= top_p * mass) & (rank > 0)
    return counted.masked_fill(dropped, 0)


def _token_at(place: torch.Tensor, ordered: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return the tokens at places of the order; where shares are equal the smaller id is first."""
    found = ordered.gather(-1, place)
    before = (ordered > found).sum(dim=-1, keepdim=True)
    alike = (share == found).cumsum(dim=-1, dtype=torch.int32)
    return torch.searchsorted(alike, (place - before).int(), right=True).squeeze(-1)


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
        left = _only(choose(drawn, self._draws), drawn)
        return left if len(left) == len(scores) else torch.cat([left, scores[len(left) :]])


class SingleSampler(LogitsProcessor):
    """The sampler as plain generation calls it: one request, a row for it."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Leave the row nothing but its drawn token."""
        return _only(choose(scores, [self._draw]), scores)
