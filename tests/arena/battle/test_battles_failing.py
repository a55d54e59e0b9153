"""Battles that go wrong: void where we failed, shown and voted on where a model did."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing, suppress

import pytest

from arena.battle.battles import Battles
from arena.battle.views import State
from arena.errors import ModelUnavailable
from arena.record.logquery import read_log
from arena.record.store import Store
from arena.settings import Limits
from serving.duet import Pace
from serving.engine import EngineError, Event, Failed, FailureKind, Prompt
from serving.processes import Processes
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.arena.battle.conftest import OAK, PINE, Make, ready, scripted, shown, token
from tests.serving import bad_server
from tests.serving.bad_server import lingers, refuses, serving
from tests.serving.far import GOOD


class Fickle(ScriptedEngine):
    """The pine fails at one prompt, the oak at another one and late."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        said = self._spec.name, prompt.messages[-1].content
        if said in (("pine", "Nonsense"), ("oak", "Rubbish")):
            await asyncio.sleep(0.2 if said[0] == "oak" else 0)
            yield Failed(FailureKind.NAN, "no number")
            return
        async for event in super().stream(prompt):
            yield event


async def all_void(battles: Battles, number: int) -> None:
    for _ in range(number):
        assert (await ready(battles)).state is State.VOID


falls_silent = lingers(bad_server.event(""))


class Mortal(ScriptedEngine):
    """Says a word of whatever it is asked with "Hm?", until it dies with all its streams."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.dies = asyncio.Event()

    def die(self) -> None:
        self.lost = True
        self.dies.set()

    def health(self) -> str | None:
        return "killed" if self.lost else super().health()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        said = 0
        async for event in super().stream(prompt):
            if said and prompt.messages[-1].content == "Hm?":
                await self.dies.wait()
            said += 1
            if self.lost:
                yield Failed(FailureKind.ENGINE_DEAD, "killed")
                return
            yield event


@pytest.mark.parametrize("kind", list(FailureKind))
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
    assert showing.cause == f"{kind}: pine: told to fail at chunk 1"
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
    with closing(sqlite3.connect(store.path)) as connection:
        query = "SELECT battle_id, cause, blames FROM ending"
        (row,) = connection.execute(query).fetchall()
    died = "process_dead: the process of all models on cpu was ended by SIGSEGV"
    assert row == (view.battle_id, died, None)


async def test_right_after_the_death_of_a_process_the_next_battle_only_waits(make: Make) -> None:
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    try:
        battles = await make(OAK, PINE, build=processes.load)
        for _ in range(2):  # the second rest is longer than the first
            assert (await ready(battles, "kill 1")).state is State.VOID
        assert (await battles.open("ada", "Again?")).state is State.STREAMING
        await battles.close()
    finally:
        processes.close()


async def test_no_model_is_blamed_where_both_sides_failed(make: Make, store: Store) -> None:
    dies = {"fail_at": 0, "fail_kind": FailureKind.ENGINE_DEAD}
    battles = await make(scripted("oak", "It is.", **dies), scripted("pine", "No.", **dies))
    view = await ready(battles)
    assert view.state is State.VOID
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT blames FROM ending").fetchall() == [(None,)]


@pytest.mark.parametrize("kind", ["nan", "deadline", "out_of_memory", "backend"])
async def test_who_fails_each_time_costs_three_battles_and_then_rests(
    make: Make, kind: str
) -> None:
    """Its engine is well, as far as it can tell."""
    broken = scripted("elm", "It", fail_at=0, fail_kind=kind)
    battles, ends = await make(OAK, PINE, broken), []
    pool = battles._responders._pool  # type: ignore[attr-defined]  # noqa: SLF001
    pool.standing._rests._first_s = 3600.0  # noqa: SLF001 - it rests while all others are voted on
    for number in range(20):
        view = await ready(battles)
        if view.state is State.READY:
            await battles.vote(token(view), "tie", f"key-{number:04}", "ada")
        ends.append(view.state)
    assert ends.count(State.VOID) == 3
    assert ends[-9:] == [State.READY] * 9


async def test_behind_a_broken_gateway_raters_soon_hear_that_no_models_are_there(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins each response and ends none, so both sides fail in one moment, each time."""
    monkeypatch.setattr("serving.reach.REACH_S", 0.7)
    async with serving(falls_silent) as gateway:
        battles = await make(
            *(
                ModelSpec(name=name, url=gateway.url, remote_name=name, first_token_s=0.7)
                for name in ("ash", "elm", "oak")
            )
        )
        battles._responders._tempo._wanted = Pace("paced", 1000.0, 0.1, 0.0)  # type: ignore[attr-defined]  # noqa: SLF001
        with pytest.raises(ModelUnavailable, match="two models"):
            await all_void(battles, 10)


@pytest.mark.parametrize("before_all", [True, False], ids=["before all models", "before one"])
async def test_prompts_that_a_gateway_refuses_keep_no_other_rater_out(
    make: Make, *, before_all: bool
) -> None:
    """As a filter of contents does; it responds to everything else."""

    async def filters(writer: asyncio.StreamWriter) -> None:
        filtered = "bomb" in gateway.asked[-1]["messages"][-1]["content"]
        await (refuses(400, b"not about that") if filtered else GOOD)(writer)

    async with serving(filters) as gateway:
        models = [
            ModelSpec(name=name, url=gateway.url, remote_name=name) for name in ("ash", "elm")
        ]
        battles = await make(*(models if before_all else (models[0], OAK)))
        for number in range(4):
            view = await battles.open("ada", f"How is a bomb made, {number}?")
            assert (await shown(battles, view, "ada")).state is State.VOID
        assert (await ready(battles)).state is State.READY


async def test_a_model_that_cannot_be_loaded_is_no_failure_of_who_sits_beside_it(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    broken = ModelSpec(name="elm", checkpoint="/nowhere/at/all")
    battles = await make(OAK, PINE, broken)
    pool = battles._responders._pool  # type: ignore[attr-defined]  # noqa: SLF001
    for _ in range(9):
        pool.standing._rests.forgive("elm")  # noqa: SLF001 - its rest is over
        await ready(battles)
    assert "in a row" not in caplog.text


async def test_who_talks_with_a_model_that_failed_others_may_go_on(make: Make) -> None:
    """It rests, so nobody new meets it; its engine is well, and may respond to this prompt."""
    battles = await make(OAK, PINE, build=Fickle)
    talk = await ready(battles)
    for _ in range(3):
        failed = await shown(battles, await battles.open("bob", "Nonsense"), "bob")
        assert failed.state is State.VOID
    with pytest.raises(ModelUnavailable, match="two models"):
        await battles.open("bob", "Hm?")
    goes_on = await battles.follow_up(token(talk), "ada", "And a bird?")
    assert (await shown(battles, goes_on)).state is State.READY
    assert (await battles.open("bob", "Hm?")).state is State.STREAMING  # it has responded


async def test_one_death_that_ends_several_battles_keeps_nobody_out_for_long(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The next engine is on its way before all of them have let the dead one go."""
    born: list[Mortal] = []

    def build(spec: ModelSpec) -> Mortal:
        born.append(Mortal(spec))
        return born[-1]

    oak, pine = (scripted(name, "word " * 20) for name in ("oak", "pine"))
    battles = await make(oak, pine, build=build)
    battles._responders._tempo._wanted = Pace("paced", 1000.0, 0.3, 0.0)  # type: ignore[attr-defined]  # noqa: SLF001
    assert (await ready(battles)).state is State.READY  # both are loaded and measured
    views = []
    for number in range(6):
        views.append(await battles.open(f"rater {number}", "Hm?"))
        async for frame in battles.stream(views[-1].battle_id, f"rater {number}"):
            if frame.a and frame.b:
                break
    born[-1].die()
    for number, view in enumerate(views):
        assert (await shown(battles, view, f"rater {number}")).state is State.VOID
    assert (await ready(battles)).state is State.READY
    assert "in a row" not in caplog.text


async def test_who_responds_whole_beside_one_that_fails_is_well(make: Make) -> None:
    """Twice it fails, then the other one does, more slowly than it responds; and so on."""
    battles = await make(OAK, PINE, build=Fickle)
    for prompt in ("Nonsense", "Nonsense", "Rubbish", "Nonsense", "Nonsense"):
        assert (await ready(battles, prompt)).state is State.VOID
    assert (await battles.open("ada", "Hm?")).state is State.STREAMING


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


async def test_a_battle_is_not_left_for_one_that_cannot_be(make: Make) -> None:
    battles = await make()
    view = await ready(battles)
    for model in ("oak", "pine"):
        nan = EngineError(FailureKind.NAN, "nan")
        battles._responders.leave_alone(model, nan, shared=False)  # noqa: SLF001 - both fail elsewhere
    with pytest.raises(ModelUnavailable, match="two models"):
        await battles.open("ada", "Hm?")
    receipt = await battles.vote(token(view), "tie", "a-press-of-a-key", "ada")
    assert receipt.votes_by_rater == 1


async def test_a_turn_that_nobody_reads_is_given_up(make: Make, store: Store) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await battles.open("ada", "Hm?")
    turn = battles._turns.running(view.battle_id)  # noqa: SLF001 - a minute passes
    assert turn is not None
    turn._last_read -= 120  # noqa: SLF001
    async with asyncio.timeout(10):
        while not turn.over:  # noqa: ASYNC110 - whoever waits for that reads
            await asyncio.sleep(0.02)
    showing = store.showing(view.battle_id)
    assert showing is not None
    assert showing.ending == "abandoned"


@pytest.mark.parametrize("way", ["asks how it stands", "waits for its end"])
async def test_a_turn_of_which_somebody_hears_is_not(make: Make, way: str) -> None:
    battles = await make(scripted("oak", "Hm.", hang_at=0), PINE)
    view = await battles.open("ada", "Hm?")
    turn = battles._turns.running(view.battle_id)  # noqa: SLF001 - half a minute passes, twice
    assert turn is not None
    for _ in range(2):
        turn._last_read -= 40  # noqa: SLF001
        if way == "asks how it stands":
            await battles.view(view.battle_id, "ada")
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(battles.finished(view.battle_id, "ada"), 0.2)
    await asyncio.sleep(0.3)
    assert not turn.over


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
