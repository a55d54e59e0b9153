"""Battles: from prompt to reveal with scripted engines, and back."""

import asyncio
import threading

import pytest

from arena.battle.battles import Battles
from arena.battle.responding import PoolResponders
from arena.battle.views import State
from arena.errors import (
    AlreadyVoted,
    BattleNotReady,
)
from arena.record.logquery import read_log
from arena.record.store import Store
from arena.settings import Limits, PaceSettings, Settings
from arena.signing import Signer
from serving.duet import Pace
from serving.pool import Pool
from tests.arena.battle.conftest import OAK, PINE, Make, ready, scripted, shown, token
from tests.arena.conftest import open_battle


async def test_from_a_prompt_to_the_names(make: Make) -> None:
    battles = await make()
    view = await battles.open("ada", " Is a bat a mammal? ", question_id="bat", language="en")
    assert (view.state, view.token, view.aspect) == (State.STREAMING, None, "biology")
    view = await shown(battles, view)
    assert (view.state, view.reveal) == (State.READY, None)
    assert {view.turns[0].a, view.turns[0].b} == {"It is.", "It is not."}
    receipt = await battles.vote(token(view), "model_a", "key-0001", "ada")
    assert receipt.votes_by_rater == 1
    assert receipt.reveal is not None
    said = {"oak": "It is.", "pine": "It is not."}
    assert view.turns[0].a == said[receipt.reveal.model_a]
    assert view.turns[0].b == said[receipt.reveal.model_b]


async def test_the_row_says_what_was_shown_and_voted(make: Make, store: Store) -> None:
    battles = await make()
    asked = await battles.open("ada", "蝙蝠是哺乳动物吗？", question_id="bat", language="zh")
    view = await shown(battles, asked)
    receipt = await battles.vote(token(view), "both_bad", "key-0001", "ada")
    row = read_log(store.path, conversations=True).iloc[0]
    assert receipt.reveal is not None
    assert (row.model_a, row.model_b) == (receipt.reveal.model_a, receipt.reveal.model_b)
    assert (row.winner, row.question_id, row.language) == ("both_bad", "bat", "zh")
    assert row.conversation_a[1]["content"] == view.turns[0].a
    assert row.dwell_ms >= 0


async def test_no_name_is_in_a_view_before_the_vote(make: Make) -> None:
    battles = await make(scripted("canary-1f7a", "Yes."), scripted("canary-9b3c", "No."))
    opened = await battles.open("ada", "Hm?")
    frames = [frame async for frame in battles.stream(opened.battle_id, "ada")]
    ready_view = await battles.view(opened.battle_id, "ada")
    assert "canary" not in repr((opened, frames, ready_view))
    await battles.vote(token(ready_view), "tie", "key-0001", "ada")
    assert "canary" in repr(await battles.view(opened.battle_id, "ada"))


async def test_every_model_takes_both_seats(make: Make) -> None:
    battles = await make(limits=Limits(battles_per_minute=1000))
    seats = {(await ready(battles)).turns[0].a for _ in range(20)}
    assert seats == {"It is.", "It is not."}


async def test_frames_grow_on_both_sides_and_end_with_all_of_it(store: Store) -> None:
    settings = Settings(models=(OAK, PINE), pace=PaceSettings(tick_s=0.02))
    pool = Pool(settings.models, 10**9)
    responders = PoolResponders(pool, ["oak", "pine"], Pace("paced", 60.0, 0.02, 0.0), 5.0)
    battles = Battles(store, responders, settings, Signer(b"k" * 32))
    await battles.start()
    view = await battles.open("ada", "Hm?")
    frames = [frame async for frame in battles.stream(view.battle_id, "ada")]
    await pool.close()
    assert {frames[-1].a, frames[-1].b} == {"It is.", "It is not."}
    assert all(later.a.startswith(sooner.a) for sooner, later in zip(frames, frames[1:]))  # noqa: B905, RUF007
    assert all(abs(len(frame.a) - len(frame.b)) <= 0 for frame in frames if len(frame.a) < 6)


async def test_a_reader_may_leave_and_come_back(make: Make) -> None:
    slow = {"chunk_s": 0.01, "chunk_characters": 1}
    battles = await make(scripted("oak", "It is.", **slow), scripted("pine", "No.", **slow))
    view = await battles.open("ada", "Hm?")
    resumed = await battles.current("ada")
    assert resumed is not None
    assert resumed.battle_id == view.battle_id
    assert (await shown(battles, resumed)).state is State.READY


async def test_a_follow_up_is_heard_with_all_that_was_said_before(make: Make) -> None:
    battles = await make()
    first = await ready(battles)
    second = await battles.follow_up(token(first), "ada", "Why?")
    assert (second.state, second.turns[0].a) == (State.STREAMING, first.turns[0].a)
    view = await shown(battles, second)
    assert [turn.prompt for turn in view.turns] == ["Is a bat a mammal?", "Why?"]
    with pytest.raises(BattleNotReady, match="another turn"):
        await battles.vote(token(first), "tie", "key-0001", "ada")
    with pytest.raises(BattleNotReady, match="no further prompt after 1"):
        await battles.follow_up(token(first), "ada", "Why?")  # the answer to it was lost, say
    await battles.vote(token(view), "tie", "key-0002", "ada")


async def test_after_the_names_were_shown_a_vote_can_only_be_withdrawn(
    make: Make, store: Store
) -> None:
    battles = await make()
    view = await ready(battles)
    await battles.vote(token(view), "model_a", "key-0001", "ada")
    with pytest.raises(AlreadyVoted):
        await battles.vote(token(view), "model_b", "key-0002", "ada")
    receipt = await battles.withdraw(view.battle_id, "ada", "key-0003")
    assert (receipt.outcome, receipt.votes_by_rater) == (None, 0)
    assert (await battles.view(view.battle_id, "ada")).state is State.WITHDRAWN
    assert len(read_log(store.path)) == 0
    assert len(read_log(store.path, in_force=False)) == 2


async def pairs_met(battles: Battles, number: int) -> list[frozenset[str]]:
    met = []
    for _ in range(number):
        view = await ready(battles)
        receipt = await battles.vote(token(view), "tie", f"key-of-{view.battle_id}", "ada")
        assert receipt.reveal is not None
        met.append(frozenset((receipt.reveal.model_a, receipt.reveal.model_b)))
    return met


async def test_a_withdrawal_sent_several_times_at_once_gives_its_pair_back_once(make: Make) -> None:
    battles = await make(OAK, PINE, scripted("elm"))
    view = await ready(battles)
    await battles.vote(token(view), "tie", "key-0001", "ada")
    await asyncio.gather(*(battles.withdraw(view.battle_id, "ada", "key-0002") for _ in range(4)))
    assert len(set(await pairs_met(battles, 3))) == 3


async def test_a_vote_of_before_a_restart_counts_once_however_often_it_is_sent_at_once(
    make: Make,
) -> None:
    models = OAK, PINE, scripted("elm")
    view = await ready(await make(*models))
    battles = await make(*models)
    sent = (battles.vote(token(view), "tie", "key-0001", "ada") for _ in range(4))
    first, *_ = await asyncio.gather(*sent)
    assert first.reveal is not None
    before = frozenset((first.reveal.model_a, first.reveal.model_b))
    met = [before, *await pairs_met(battles, 5)]
    assert {met.count(pair) for pair in met} == {2}


async def test_a_battle_opens_though_another_tab_votes_in_that_moment(
    make: Make, store: Store
) -> None:
    battles = await make()
    view = await ready(battles)
    is_free = threading.Event()
    writing = asyncio.create_task(store._write(lambda _: is_free.wait()))  # noqa: SLF001 - to be slow
    await asyncio.sleep(0)
    voting = asyncio.create_task(battles.vote(token(view), "tie", "key-0001", "ada"))
    opening = asyncio.create_task(battles.open("ada", "Hm?"))
    await asyncio.sleep(0)
    is_free.set()
    await asyncio.gather(writing, voting, opening, return_exceptions=True)
    assert opening.result().state is State.STREAMING
    assert (await battles.view(view.battle_id, "ada")).state is State.VOTED


async def test_a_new_battle_leaves_the_open_one(make: Make) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    first = await battles.open("ada", "Hm?")
    await battles.open("ada", "Hm, again?")
    assert (await battles.view(first.battle_id, "ada")).state is State.SKIPPED


async def test_whoever_reads_a_battle_while_it_is_skipped_finds_it_skipped(make: Make) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await battles.open("ada", "Hm?")
    reading = asyncio.ensure_future(shown(battles, view))
    await asyncio.sleep(0.1)
    await battles.skip(view.battle_id, "ada")
    assert (await reading).state is State.SKIPPED


async def test_skipping_ends_a_battle_without_a_vote(make: Make) -> None:
    battles = await make()
    view = await ready(battles)
    await battles.skip(view.battle_id, "ada", "both the same")
    with pytest.raises(BattleNotReady, match="skipped"):
        await battles.vote(token(view), "tie", "key-0001", "ada")


async def test_whoever_looks_while_a_battle_opens_does_not_end_it(make: Make) -> None:
    battles = await make(limits=Limits(battles_per_minute=1000))
    for _ in range(5):
        opening = asyncio.ensure_future(battles.open("ada", "Hm?"))
        while not opening.done():
            await battles.current("ada")
            await asyncio.sleep(0)
        assert (await shown(battles, await opening)).state is State.READY


async def test_where_nothing_was_shown_a_vote_can_be_changed_by_a_new_row(
    make: Make, store: Store
) -> None:
    battles = await make()
    await open_battle(store, "b9", reveals=False)
    study_token = Signer(b"k" * 32).vote_token("b9", "ada", 1)
    first = await battles.vote(study_token, "tie", "key-0001", "ada")
    second = await battles.vote(study_token, "model_b", "key-0002", "ada")
    assert (first.reveal, second.reveal, second.outcome) == (None, None, "model_b")
    assert list(read_log(store.path)["winner"]) == ["model_b"]
    assert len(read_log(store.path, in_force=False)) == 2
