"""What a rater may not do, and what is said then."""

import asyncio

import pytest

from arena.battle.battles import Battles
from arena.battle.views import BattleView, State
from arena.errors import (
    BattleNotReady,
    NotAllowed,
    PromptRefused,
    TooMany,
    VoteRefused,
)
from arena.settings import Limits
from arena.signing import Signer
from serving.spec import ModelSpec
from tests.arena.battle.conftest import OAK, PINE, Make, ready, scripted, shown, token


def with_context(spec: ModelSpec, tokens: int) -> ModelSpec:
    return spec.model_copy(update={"context_tokens": tokens, "output_tokens": 16})


async def test_turns_have_an_end(make: Make) -> None:
    battles = await make(limits=Limits(turns=1))
    view = await ready(battles)
    with pytest.raises(PromptRefused) as refusal:
        await battles.follow_up(token(view), "ada", "Why?")
    assert refusal.value.reason == "turns"


@pytest.mark.parametrize(
    ("prompt", "reason"), [("", "empty"), (" \n\t\0", "empty"), ("x" * 8_001, "long")]
)
async def test_a_prompt_that_cannot_be_sent_is_refused(
    make: Make, prompt: str, reason: str
) -> None:
    battles = await make()
    with pytest.raises(PromptRefused) as refusal:
        await battles.open("ada", prompt)
    assert refusal.value.reason == reason
    assert await battles.current("ada") is None


async def test_a_vote_while_streaming_is_refused(make: Make) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await battles.open("ada", "Hm?")
    early = Signer(b"k" * 32).vote_token(view.battle_id, "ada", 1)
    with pytest.raises(BattleNotReady):
        await battles.vote(early, "tie", "key-0001", "ada")


async def test_another_raters_battle_cannot_be_seen_streamed_skipped_or_voted_on(
    make: Make,
) -> None:
    battles = await make()
    view = await ready(battles)
    attempts = [
        battles.view(view.battle_id, "eve"),
        battles.skip(view.battle_id, "eve"),
        battles.withdraw(view.battle_id, "eve", "key-0001"),
        battles.follow_up(token(view), "eve", "Hm?"),
        battles.vote(token(view), "tie", "key-0001", "eve"),
        anext(battles.stream(view.battle_id, "eve")),
    ]
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            await attempt


@pytest.mark.parametrize(
    ("outcome", "key"),
    [("banana", "key-0001"), ("withdrawn", "key-0001"), ("tie", "short"), ("tie", "k" * 200)],
)
async def test_nonsense_is_no_vote(make: Make, outcome: str, key: str) -> None:
    battles = await make()
    view = await ready(battles)
    with pytest.raises(VoteRefused):
        await battles.vote(token(view), outcome, key, "ada")


async def test_too_many_battles_within_a_minute_are_refused_with_the_time_to_wait(
    make: Make,
) -> None:
    battles = await make(limits=Limits(battles_per_minute=2))
    for _ in range(2):
        await ready(battles)
    with pytest.raises(TooMany) as refusal:
        await battles.open("ada", "Hm?")
    assert 0 < refusal.value.retry_s <= 60
    assert (await battles.open("eve", "Hm?")).state is State.STREAMING


async def test_a_forged_token_is_refused(make: Make) -> None:
    battles = await make()
    with pytest.raises(NotAllowed):
        await battles.vote("forged", "tie", "key-0001", "ada")


async def test_of_two_follow_ups_at_once_one_is_told_to_wait(make: Make) -> None:
    battles = await make()
    view = await ready(battles)
    both = await asyncio.gather(
        *(battles.follow_up(token(view), "ada", f"Why? {n}") for n in (1, 2)),
        return_exceptions=True,
    )
    assert sorted(type(done).__name__ for done in both) == ["BattleNotReady", "BattleView"]
    assert len((await shown(battles, view)).turns) == 2


async def test_a_follow_up_without_room_is_refused_and_the_battle_can_be_voted_on(
    make: Make,
) -> None:
    battles = await make(with_context(OAK, 96), PINE)
    view = await ready(battles)
    with pytest.raises(PromptRefused) as refusal:
        await battles.follow_up(token(view), "ada", "Why? " * 30)
    assert refusal.value.reason == "full"
    assert (await battles.vote(token(view), "tie", "key-0001", "ada")).seq == 1


async def test_a_prompt_is_refused_or_taken_alike_whichever_pair_meets(make: Make) -> None:
    small = with_context(scripted("elm", "It is."), 96)
    large = [with_context(scripted(name, "It is."), 512) for name in ("oak", "pine")]
    battles = await make(small, *large, limits=Limits(battles_per_minute=1000))
    told: dict[frozenset[str], list[str]] = {}
    for number in range(9):
        with pytest.raises(PromptRefused, match="longer than the roster"):
            await battles.open("ada", "x" * 250)
        view = await ready(battles)
        heard = [await _follow_up(battles, view, text) for text in ("Why? " * 30, "Why?")]
        view = await shown(battles, view)
        receipt = await battles.vote(token(view), "tie", f"key-{number:04}", "ada")
        assert receipt.reveal is not None
        told[frozenset((receipt.reveal.model_a, receipt.reveal.model_b))] = heard
    assert list(told.values()) == [["full", "taken"]] * 3


async def _follow_up(battles: Battles, view: BattleView, prompt: str) -> str:
    try:
        await battles.follow_up(token(view), "ada", prompt)
    except PromptRefused as refusal:
        return refusal.reason
    return "taken"
