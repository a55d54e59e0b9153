"""Battles: from prompt to reveal with scripted engines, every way a battle can go."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from arena.battle.battles import Battles
from arena.battle.responding import PoolResponders
from arena.battle.views import BattleView, State
from arena.errors import (
    AlreadyVoted,
    BattleNotReady,
    ModelUnavailable,
    NotAllowed,
    PromptRefused,
    TooMany,
    VoteRefused,
)
from arena.questions import Question
from arena.record.logquery import read_log
from arena.record.store import Store
from arena.settings import Limits, PaceSettings, Settings
from arena.signing import Signer
from serving.duet import Pace
from serving.engine import Engine, FailureKind
from serving.pool import Pool
from serving.processes import Processes
from serving.spec import Behaviour, ModelSpec
from tests.arena.conftest import open_battle

BAT = Question("bat", "biology", {"en": "Is a bat a mammal?", "zh": "蝙蝠是哺乳动物吗？"})
Make = Callable[..., Awaitable[Battles]]
Build = Callable[[ModelSpec], Engine]


def scripted(name: str, *said: str, **behaviour: Any) -> ModelSpec:  # noqa: ANN401 - pydantic checks
    return ModelSpec(
        name=name, kind="scripted", responses=said or ("Yes.",), behaviour=Behaviour(**behaviour)
    )


def with_context(spec: ModelSpec, tokens: int) -> ModelSpec:
    return spec.model_copy(update={"context_tokens": tokens, "output_tokens": 16})


OAK, PINE = scripted("oak", "It is."), scripted("pine", "It is not.")


@pytest.fixture
async def make(store: Store) -> AsyncIterator[Make]:
    opened: list[tuple[Battles, Pool]] = []

    async def new(
        *models: ModelSpec, limits: Limits | None = None, build: Build | None = None
    ) -> Battles:
        settings = Settings(
            models=models or (OAK, PINE),
            limits=limits or Limits(),
            pace=PaceSettings(tick_s=0.02, deadline_s=5.0),
        )
        pool = Pool(settings.models, 10**9, build=build)
        names = [model.name for model in settings.models]
        responders = PoolResponders(pool, names, Pace("together", 1000.0, 0.001, 0.0), 5.0)
        battles = Battles(
            store,
            responders,
            settings,
            Signer(b"k" * 32),
            questions=[BAT],
            random_source=random.Random(0),  # noqa: S311 - a fixed draw
        )
        await battles.start()
        opened.append((battles, pool))
        return battles

    yield new
    for battles, pool in opened:
        await battles.close()
        await pool.close()


async def shown(battles: Battles, view: BattleView, rater: str = "ada") -> BattleView:
    async for _ in battles.stream(view.battle_id, rater):
        pass
    return await battles.view(view.battle_id, rater)


async def ready(battles: Battles, prompt: str = "Is a bat a mammal?") -> BattleView:
    return await shown(battles, await battles.open("ada", prompt))


def token(view: BattleView) -> str:
    assert view.token is not None
    return view.token


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
    view = await shown(battles, await battles.open("ada", "Hm?", question_id="bat", language="zh"))
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
    second = await battles.follow_up(first.battle_id, "ada", "Why?")
    assert (second.state, second.turns[0].a) == (State.STREAMING, first.turns[0].a)
    view = await shown(battles, second)
    assert [turn.prompt for turn in view.turns] == ["Is a bat a mammal?", "Why?"]
    with pytest.raises(BattleNotReady, match="another turn"):
        await battles.vote(token(first), "tie", "key-0001", "ada")
    await battles.vote(token(view), "tie", "key-0002", "ada")


async def test_turns_have_an_end(make: Make) -> None:
    battles = await make(limits=Limits(turns=1))
    view = await ready(battles)
    with pytest.raises(PromptRefused) as refusal:
        await battles.follow_up(view.battle_id, "ada", "Why?")
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


@pytest.mark.parametrize(
    "kind", [kind for kind in FailureKind if kind is not FailureKind.CANCELLED]
)
async def test_our_failure_makes_a_battle_void_and_the_next_one_works(
    make: Make, store: Store, kind: FailureKind
) -> None:
    battles = await make(OAK, scripted("pine", "It is not.", fail_at=1, fail_kind=kind))
    view = await ready(battles)
    assert (view.state, view.token, view.reveal) == (State.VOID, None, None)
    assert view.too_long is (kind is FailureKind.CONTEXT)
    assert await battles.current("ada") is None
    showing = store.showing(view.battle_id)
    assert showing is not None
    assert showing.cause.startswith(kind.value)
    assert (await battles.open("ada", "Again?")).state is State.STREAMING


async def test_the_death_of_a_process_is_stored_as_one_line_that_blames_no_model(
    make: Make, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    try:
        battles = await make(OAK, PINE, build=processes.load)
        view = await ready(battles, "segfault 0")
        await battles.close()
    finally:
        processes.close()
    (record,) = (line for line in caplog.messages if line.startswith("battle"))
    assert "Fatal Python error: Segmentation fault" in record  # the log has more
    with sqlite3.connect(store.path) as connection:
        query = "SELECT battle_id, cause, blames FROM ending"
        (row,) = connection.execute(query).fetchall()
    died = "process_dead: the process of all models on cpu was ended by SIGSEGV"
    assert row == (view.battle_id, died, None)


async def test_no_model_is_blamed_where_both_sides_failed(make: Make, store: Store) -> None:
    dies = {"fail_at": 0, "fail_kind": FailureKind.ENGINE_DEAD}
    battles = await make(scripted("oak", "It is.", **dies), scripted("pine", "No.", **dies))
    view = await ready(battles)
    assert view.state is State.VOID
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT blames FROM ending").fetchall() == [(None,)]


@pytest.mark.parametrize("said", ["", "bad bad bad bad bad bad bad"])
async def test_what_a_model_does_badly_is_shown_and_voted_on(make: Make, said: str) -> None:
    battles = await make(scripted("oak", said), scripted("pine", said))
    view = await ready(battles)
    assert (view.state, view.turns[0].a) == (State.READY, said)
    assert (await battles.vote(token(view), "both_bad", "key-0001", "ada")).seq == 1


async def test_a_cut_response_says_so_in_the_log(make: Make, store: Store) -> None:
    endless = scripted("oak", "on and ", endless=True).model_copy(update={"output_tokens": 9})
    battles = await make(endless, PINE)
    await battles.vote(token(await ready(battles)), "tie", "key-0001", "ada")
    row = read_log(store.path).iloc[0]
    assert {row.finish_reason_a, row.finish_reason_b} == {"length", "stop"}


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
        battles.follow_up(view.battle_id, "eve", "Hm?"),
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


async def test_a_new_battle_leaves_the_open_one(make: Make) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    first = await battles.open("ada", "Hm?")
    await battles.open("ada", "Hm, again?")
    assert (await battles.view(first.battle_id, "ada")).state is State.SKIPPED


async def test_skipping_ends_a_battle_without_a_vote(make: Make) -> None:
    battles = await make()
    view = await ready(battles)
    await battles.skip(view.battle_id, "ada", "both the same")
    with pytest.raises(BattleNotReady, match="skipped"):
        await battles.vote(token(view), "tie", "key-0001", "ada")


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


async def test_a_battle_whose_server_is_gone_is_void_for_whoever_asks(make: Make) -> None:
    first = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await first.open("ada", "Hm?")
    after_restart = await make(OAK, PINE)
    assert (await after_restart.view(view.battle_id, "ada")).state is State.VOID


async def test_closing_the_server_voids_what_streams(make: Make) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await battles.open("ada", "Hm?")
    await battles.close()
    assert (await battles.view(view.battle_id, "ada")).state is State.VOID


async def test_a_model_without_its_files_takes_part_in_no_battle(make: Make) -> None:
    broken = ModelSpec(name="elm", checkpoint="/nowhere/at/all")
    battles = await make(OAK, broken)
    with pytest.raises(ModelUnavailable, match="two models"):
        await battles.open("ada", "Hm?")


async def test_a_turn_that_nobody_reads_is_given_up(make: Make, store: Store) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await battles.open("ada", "Hm?")
    turn = battles._turns.running(view.battle_id)  # noqa: SLF001 - a minute passes
    assert turn is not None
    turn._last_read -= 120  # noqa: SLF001
    await asyncio.wait_for(turn.wait(), 10)
    showing = store.showing(view.battle_id)
    assert showing is not None
    assert showing.ending == "abandoned"


async def test_a_forged_token_is_refused(make: Make) -> None:
    battles = await make()
    with pytest.raises(NotAllowed):
        await battles.vote("forged", "tie", "key-0001", "ada")


async def test_whoever_looks_while_a_battle_opens_does_not_end_it(make: Make) -> None:
    battles = await make(limits=Limits(battles_per_minute=1000))
    for _ in range(5):
        opening = asyncio.ensure_future(battles.open("ada", "Hm?"))
        while not opening.done():
            await battles.current("ada")
            await asyncio.sleep(0)
        assert (await shown(battles, await opening)).state is State.READY


async def test_of_two_follow_ups_at_once_one_is_told_to_wait(make: Make) -> None:
    battles = await make()
    view = await ready(battles)
    both = await asyncio.gather(
        *(battles.follow_up(view.battle_id, "ada", f"Why? {n}") for n in (1, 2)),
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
        await battles.follow_up(view.battle_id, "ada", "Why? " * 30)
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
        await battles.follow_up(view.battle_id, "ada", prompt)
    except PromptRefused as refusal:
        return refusal.reason
    return "taken"


async def test_skipping_at_any_moment_leaves_the_store_at_work(make: Make) -> None:
    slow = {"chunk_s": 0.002, "chunk_characters": 1}
    battles = await make(
        scripted("oak", "Yes.", **slow),
        scripted("pine", "No.", **slow),
        limits=Limits(battles_per_minute=1000),
    )
    for number in range(25):
        view = await battles.open("ada", "Hm?")
        await asyncio.sleep(0.001 * number)
        await asyncio.wait_for(battles.skip(view.battle_id, "ada"), 20)
    assert (await ready(battles)).state is State.READY


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
