"""Drawing tokens: the right shares, each request by itself, no number no token."""

import math
from typing import Any

import pytest
import torch
from transformers import TopKLogitsWarper, TopPLogitsWarper

from serving import sampling as drawing
from serving.sampling import (
    BatchSampler,
    Draw,
    NanLogitsError,
    SingleSampler,
    _counted,
    _groups,
    _numbers,
    _trim,
    choose,
)
from serving.spec import Sampling
from serving.tokens import TokenRequest

LOGITS = torch.log(torch.tensor([0.5, 0.25, 0.15, 0.1]))


def draw(seed: int = 0, drawn: int = 0, **sampling: Any) -> Draw:  # noqa: ANN401 -- pydantic checks
    return Draw(TokenRequest((1,), 8, Sampling(**{"temperature": 1.0, **sampling}), seed, drawn))


def shares(n: int = 4000, **sampling: Any) -> list[float]:  # noqa: ANN401 -- pydantic checks
    """Return how often each of four tokens is drawn over many seeds."""
    draws = [draw(seed, **sampling) for seed in range(n)]
    chosen = choose(LOGITS.expand(n, -1), draws)
    return (torch.bincount(chosen, minlength=4) / n).tolist()


def test_tokens_come_in_their_shares() -> None:
    assert shares() == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.03)


def test_a_cold_temperature_sharpens_as_the_power_of_the_shares() -> None:
    squares = [0.5**2, 0.25**2, 0.15**2, 0.1**2]
    assert shares(temperature=0.5) == pytest.approx([s / sum(squares) for s in squares], abs=0.03)


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        pytest.param({"top_k": 2}, [2 / 3, 1 / 3, 0, 0], id="the two likeliest"),
        pytest.param({"top_p": 0.7}, [2 / 3, 1 / 3, 0, 0], id="as many as make 0.7"),
        pytest.param({"top_p": 0.01}, [1, 0, 0, 0], id="never fewer than one"),
        pytest.param({"top_k": 1}, [1, 0, 0, 0], id="the likeliest"),
        pytest.param({"temperature": 0}, [1, 0, 0, 0], id="temperature zero"),
        pytest.param({"temperature": 1e-60}, [1, 0, 0, 0], id="nearly zero"),
        pytest.param({"temperature": 1e-60, "top_k": 2}, [1, 0, 0, 0], id="nearly zero of two"),
        pytest.param({"top_k": 99}, [0.5, 0.25, 0.15, 0.1], id="more than there are"),
    ],
)
def test_only_what_is_kept_is_drawn(sampling: dict[str, Any], kept: list[float]) -> None:
    assert shares(**sampling) == pytest.approx(kept, abs=0.03)


@pytest.mark.parametrize("top_k", [0, 5, 300, 3000])
@pytest.mark.parametrize("top_p", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.1, 3.0], ids=["flat", "steep"])
def test_the_librarys_own_tokens_are_kept(top_k: int, top_p: float, spread: float) -> None:
    """The oracle: transformers' warpers, in its order. Rounding may move the border by one."""
    logits = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1)) * spread
    ids = torch.tensor([[1]])
    expected = TopKLogitsWarper(top_k)(ids, logits.clone()) if top_k else logits.clone()
    expected = TopPLogitsWarper(top_p)(ids, expected)
    asked = [draw(top_k=top_k, top_p=top_p)]
    share, tokens = (logits - logits.max()).exp().sort(dim=-1, descending=True)
    said, counted = _numbers(asked, _groups(asked)), _counted(share)
    kept = tokens[_trim(counted, counted.sum(dim=-1, keepdim=True), said, 4000) > 0].tolist()
    assert len(set(kept) ^ set(torch.nonzero(expected[0].isfinite()).flatten().tolist())) <= 1


def tied(rows: int, vocabulary: int, spread: float = 3.0) -> torch.Tensor:
    """Return logits of 16 bits, of which many are equal."""
    logits = torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(1)) * spread
    return logits.bfloat16().float()


@pytest.mark.parametrize("spread", [0.1, 3.0], ids=["flat", "steep"])
def test_a_look_at_the_likeliest_draws_what_sorting_all_would(
    spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = tied(30, 500, spread)

    def drawn(candidates: int) -> list[int]:
        monkeypatch.setattr(drawing, "CANDIDATES", candidates)
        return choose(
            logits, [draw(seed, top_p=0.8, top_k=seed % 2) for seed in range(30)]
        ).tolist()

    assert drawn(8) == drawn(500)


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        pytest.param({"top_k": 3}, 3, id="three of them"),
        pytest.param({"top_k": 300}, 300, id="more than are looked at"),
        pytest.param({"top_p": 0.0335}, 34, id="as many as make 0.0335"),
        pytest.param({"top_p": 0.6}, 600, id="all are sorted"),
    ],
)
def test_among_equal_tokens_the_smallest_ids_are_kept(sampling: dict[str, Any], kept: int) -> None:
    chosen = choose(torch.ones(3000, 1000), [draw(seed, **sampling) for seed in range(3000)])
    assert int(chosen.max()) < kept
    assert len(set(chosen.tolist())) > 0.9 * kept


ALONE: list[dict[str, Any]] = [
    {},
    {"top_p": 0.9},
    {"top_p": 0.95, "temperature": 0.7},
    {"top_k": 50},
    {"top_k": 20, "top_p": 0.8},
    {"temperature": 0},
]


@pytest.mark.parametrize(
    "company",
    [
        pytest.param({"top_p": 0.9999, "temperature": 5.0}, id="for whom all are sorted"),
        pytest.param({"top_k": 300}, id="who keeps many"),
        pytest.param({"top_k": 2}, id="who keeps few"),
        pytest.param({"temperature": 0}, id="who keeps the likeliest"),
    ],
)
def test_company_moves_no_draw_among_equal_tokens(company: dict[str, Any]) -> None:
    logits = tied(60, 4000)

    def asked() -> list[Draw]:
        return [draw(seed, **ALONE[seed % len(ALONE)]) for seed in range(60)]

    alone = [int(choose(logits[row : row + 1], [one])) for row, one in enumerate(asked())]
    together = choose(logits, asked()).tolist()
    among = choose(torch.cat([logits, logits]), [*asked(), *(draw(9, **company),) * 60])
    assert alone == together == among[:60].tolist()


class Row:
    """A request of the library's, as far as the sampler looks at it."""

    def __init__(self, draw: Draw) -> None:
        self.state = self
        self.logit_processor_kwargs = {"draw": draw}


def mixed(n: int) -> list[Draw]:
    """Return draws of every kind in one batch."""
    kinds: list[dict[str, Any]] = [{}, {"top_p": 0.8}, {"temperature": 0}, {"top_k": 3}]
    return [draw(seed, **kinds[seed % len(kinds)]) for seed in range(n)]


@pytest.mark.parametrize("n", [1, 4, 128])
def test_a_device_is_asked_once_for_a_batch_of_any_size(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device of tensors that hold nothing: what is read, or lies elsewhere, raises."""
    asked = []

    def ask(answers: list[torch.Tensor]) -> list[bool]:
        assert {answer.device.type for answer in answers} == {"meta"}
        asked.append(len(answers))
        return [True] * len(answers)

    monkeypatch.setattr(drawing, "_ask", ask)
    sampler = BatchSampler()
    sampler.prepare_tensor_args([Row(draw) for draw in mixed(n)])
    left = sampler(torch.empty(n + 1, 1000, device="meta"), torch.empty(n, device="meta"))
    assert (left.device.type, left.shape) == ("meta", (n + 1, 1000))
    assert len(asked) == 1


def test_a_seed_draws_the_same_alone_and_among_others() -> None:
    alone = draw(7)
    solo = [int(choose(LOGITS.unsqueeze(0), [alone])) for _ in range(20)]
    among = [draw(1, temperature=0), draw(7), draw(3, top_k=2)]
    batched = [int(choose(LOGITS.expand(3, -1), among)[1]) for _ in range(20)]
    assert batched == solo
    assert len(set(solo)) > 1


def test_a_trimmed_seed_draws_the_same_alone_and_among_others() -> None:
    alone = draw(7, top_p=0.8)
    solo = [int(choose(LOGITS.unsqueeze(0), [alone])) for _ in range(20)]
    among = [draw(1), draw(7, top_p=0.8), draw(3, top_k=2)]
    batched = [int(choose(LOGITS.expand(3, -1), among)[1]) for _ in range(20)]
    assert batched == solo
    assert set(solo) == {0, 1, 2}


def test_a_roll_that_is_rounded_to_one_still_draws() -> None:
    class High(Draw):
        def roll(self) -> float:
            return 1.0 - 2.0**-53

    for sampling in (Sampling(temperature=1), Sampling(temperature=1, top_k=2)):
        chosen = choose(LOGITS.unsqueeze(0), [High(TokenRequest((1,), 8, sampling, 0))])
        assert int(chosen) in range(4)


def test_a_continued_request_goes_on_where_its_dice_were() -> None:
    whole = draw(5)
    rolls = [whole.roll() for _ in range(10)]
    rest = draw(5, drawn=6)
    assert [rest.roll() for _ in range(4)] == rolls[6:]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_logits_that_are_no_numbers_raise(poison: float, temperature: float) -> None:
    rows = torch.stack([LOGITS, LOGITS.clone()])
    rows[1, 2] = poison
    with pytest.raises(NanLogitsError, match="not a number"):
        choose(rows, [draw(), draw(temperature=temperature)])


def test_barred_tokens_are_not_a_fault() -> None:
    barred = LOGITS.clone()
    barred[0] = -math.inf
    assert int(choose(barred.unsqueeze(0), [draw(temperature=0)])) == 1


def test_the_library_is_left_one_token_a_row() -> None:
    left = SingleSampler(draw(temperature=0))(torch.tensor([[1]]), LOGITS.unsqueeze(0))
    assert left.tolist() == [[0.0, -math.inf, -math.inf, -math.inf]]


def test_storage_of_the_library_is_filled_with_nothing() -> None:
    storage = torch.ones(1, dtype=torch.int32)
    BatchSampler().fill_defaults(storage)
    assert storage.tolist() == [0]
