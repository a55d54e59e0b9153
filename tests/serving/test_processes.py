"""Which process a model lives in, and when a process ends."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from serving.away import AwayEngine
from serving.build import Apart, Builder
from serving.engine import Done, EngineError, Failed, FailureKind, Prompt
from serving.pool import Pool
from serving.processes import Processes
from serving.spec import ModelSpec
from tests.serving.bad_process import is_there
from tests.serving.virtual_time import let_pass


@pytest.fixture
def by_device() -> Iterator[Processes]:
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    yield processes
    processes.close()


@pytest.fixture
def by_model() -> Iterator[Processes]:
    processes = Processes(by_model=True, module="tests.serving.bad_child")
    yield processes
    processes.close()


def model(name: str, device: str = "cpu", *told: str) -> ModelSpec:
    # Scripted models have no checkpoint; the batch makes their weights differ.
    return ModelSpec(
        name=name, kind="scripted", device=device, responses=told, batch=max(map(ord, name))
    )


def pid(engine: AwayEngine) -> int:
    return engine._process.pid  # noqa: SLF001 -- who else would know


async def last(engine: AwayEngine, asked: str) -> object:
    return [event async for event in engine.stream(Prompt.of(asked))][-1]


async def test_models_of_one_device_share_a_process_that_stays_warm(by_device: Processes) -> None:
    a, b, c = (by_device.load(model(*m)) for m in (("a",), ("b",), ("c", "cuda:1")))
    assert pid(a) == pid(b) != pid(c)
    for engine in (a, b):
        await engine.close()
    assert pid(by_device.load(model("d"))) == pid(a)


async def test_models_live_by_themselves_and_end_their_process(by_model: Processes) -> None:
    a, b = by_model.load(model("a")), by_model.load(model("b"))
    assert pid(a) != pid(b)
    await a.close()
    assert not is_there(pid(a))
    assert isinstance(await last(b, "well"), Done)


async def test_models_on_the_same_weights_share_a_process(by_model: Processes) -> None:
    base = model("a")
    one, two = by_model.load(base), by_model.load(base.model_copy(update={"name": "other"}))
    assert pid(one) == pid(two)
    await one.close()
    assert isinstance(await last(two, "well"), Done)
    await two.close()
    assert not is_there(pid(two))


async def test_a_death_is_that_of_the_model_where_it_had_the_process_to_itself(
    by_device: Processes, by_model: Processes
) -> None:
    shared = await last(by_device.load(model("a")), "kill 1")
    own = await last(by_model.load(model("a")), "kill 1")
    assert isinstance(shared, Failed)
    assert isinstance(own, Failed)
    assert (shared.kind, own.kind) == (FailureKind.PROCESS_DEAD, FailureKind.ENGINE_DEAD)
    assert shared.cause.startswith("the process of all models on cpu was ended by SIGKILL")
    assert own.cause.startswith("the process of a was ended by SIGKILL")


async def test_a_spoilt_device_is_that_of_the_model_where_it_had_the_process_to_itself(
    by_device: Processes, by_model: Processes
) -> None:
    shared = await last(by_device.load(model("a")), "spoil 1")
    own = await last(by_model.load(model("a")), "spoil 1")
    assert isinstance(shared, Failed)
    assert isinstance(own, Failed)
    assert (shared.kind, own.kind) == (FailureKind.PROCESS_DEAD, FailureKind.ENGINE_DEAD)
    assert own.cause.startswith("the process of a ended with status 86")


async def test_real_models_in_one_process_are_all_free_of_blame(checkpoint: Path) -> None:
    """Both respond when a kernel fails under one of them, and the other may be the cause."""
    processes = Processes(by_model=False, module="tests.serving.spoilt_child")
    specs = [
        ModelSpec(
            name=name, checkpoint=str(checkpoint), batch=batch, device="cpu", output_tokens=400
        )
        for name, batch in (("pine", 2), ("doomed", 3))
    ]
    try:
        engines = [await asyncio.to_thread(processes.load, spec) for spec in specs]
        ends = await asyncio.gather(*(last(engine, "Why?") for engine in engines))
        for end in ends:
            assert isinstance(end, Failed)
            assert end.kind is FailureKind.PROCESS_DEAD
            assert end.cause.startswith("the process of all models on cpu ended with status 86")
            assert "AcceleratorError: CUDA error: device-side assert" in end.cause
    finally:
        processes.close()


async def test_a_death_is_no_single_models_where_several_live_on_the_same_weights(
    by_model: Processes,
) -> None:
    base = model("a")
    one, _ = by_model.load(base), by_model.load(base.model_copy(update={"name": "b"}))
    end = await last(one, "kill 1")
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.PROCESS_DEAD
    assert end.cause.startswith("the process of a and b was ended by SIGKILL")


async def test_a_model_that_comes_back_to_its_process_still_has_it_to_itself(
    by_model: Processes,
) -> None:
    first, again = by_model.load(model("a")), by_model.load(model("a"))
    await first.close()
    end = await last(again, "kill 1")
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.ENGINE_DEAD


async def test_a_dead_process_is_replaced_for_the_next_model(by_device: Processes) -> None:
    dead = by_device.load(model("a"))
    assert isinstance(await last(dead, "kill 1"), Failed)
    again = by_device.load(model("a"))
    assert pid(again) != pid(dead)
    await dead.close()
    assert isinstance(await last(again, "well"), Done)


async def test_a_model_that_cannot_be_loaded_leaves_no_process(by_model: Processes) -> None:
    with pytest.raises(EngineError, match="disk gone"):
        by_model.load(model("a", "cpu", "unloadable"))
    assert by_model._houses == {}  # noqa: SLF001 -- nothing else tells


@pytest.mark.parametrize("by_model", [True, False], ids=["by model", "by device"])
async def test_closing_ends_every_process(*, by_model: bool) -> None:
    processes = Processes(by_model=by_model, module="tests.serving.bad_child")
    engines = [processes.load(model(name)) for name in "ab"]
    processes.close()
    assert [is_there(pid(engine)) for engine in engines] == [False, False]


async def test_a_pool_lets_the_dead_go_and_loads_them_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One engine kills the process that all share; the idle one is not to blame."""
    monkeypatch.setattr("serving.rests.DEATH_S", 15.0)
    processes = Processes(by_model=False, module="tests.serving.bad_child")
    specs = [model(name) for name in "ab"]
    pool = Pool(specs, 10, build=processes.load, measure=lambda spec: {spec.name: 5})
    try:
        await pool.warm("ab")
        async with pool.engine("a") as engine:
            killed = [event async for event in engine.stream(Prompt.of("kill 1"))][-1]
        assert isinstance(killed, Failed)
        assert list(pool.standing.unavailable()) == ["a"]
        assert pool.resident() == ()
        async with pool.engine("b") as engine:
            assert isinstance([e async for e in engine.stream(Prompt.of("x"))][-1], Done)
        let_pass(15.0, monkeypatch)
        async with pool.engines("a", "b") as engines:
            assert [engine.health() for engine in engines] == [None, None]
    finally:
        await pool.close()
        processes.close()


@pytest.mark.parametrize("apart", ["device", "model"])
async def test_a_closed_pool_leaves_no_process(apart: str) -> None:
    builder = Builder(apart)  # type: ignore[arg-type]
    pool = Pool([model(name) for name in "ab"], 2, build=builder)
    async with pool.engines("a", "b") as engines:
        pids = [pid(engine) for engine in engines]  # type: ignore[arg-type]
        reading = asyncio.create_task(_all(engines[0]))
        await asyncio.sleep(0.05)
        await pool.close()
        end = await reading
    assert isinstance(end, Done) or (isinstance(end, Failed) and end.kind is FailureKind.CANCELLED)
    assert not any(is_there(one) for one in pids)


def _in_bad_processes(apart: Apart) -> Builder:
    builder = Builder(apart)
    bad = Processes(by_model=apart == "model", module="tests.serving.bad_child")
    builder._processes = bad  # noqa: SLF001 -- ours know no model that loads for ever
    return builder


async def _stopped_while_it_loads(builder: Builder, pool: Pool) -> "tuple[int, asyncio.Task[None]]":
    """Return a process that was stopped before its first model was there, and who waits for it."""

    async def use() -> None:
        async with pool.engine("a"):
            pass

    waiting = asyncio.create_task(use())
    processes = builder._processes  # noqa: SLF001 -- who else would know
    assert processes is not None
    while not processes._houses:  # noqa: SLF001, ASYNC110 -- who else would know
        await asyncio.sleep(0.001)
    (house,) = processes._houses.values()  # noqa: SLF001 -- who else would know
    os.kill(house.process.pid, signal.SIGSTOP)
    return house.process.pid, waiting


@pytest.mark.parametrize(
    ("apart", "device"),
    [
        pytest.param("model", "cpu", id="one process for each model"),
        pytest.param("device", "cuda:1", id="one process for each device"),
    ],
)
async def test_a_process_that_is_stuck_as_it_loads_holds_up_no_other(
    apart: Apart, device: str
) -> None:
    builder = _in_bad_processes(apart)
    models = [model("a", "cpu", "endless"), model("b", device)]
    pool = Pool(models, {"cpu": 9, "cuda:1": 9}, build=builder)
    stuck, waiting = await _stopped_while_it_loads(builder, pool)
    try:
        async with asyncio.timeout(120), pool.engine("b") as engine:
            assert isinstance(await _all(engine), Done)
        assert not waiting.done()
    finally:
        os.kill(stuck, signal.SIGCONT)
        await pool.close()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_closing_ends_a_process_in_which_a_model_loads_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.process.END_S", 0.5)
    builder = _in_bad_processes("device")
    pool = Pool([model("a", "cpu", "endless")], 2, build=builder)
    pid, waiting = await _stopped_while_it_loads(builder, pool)
    await asyncio.wait_for(pool.close(), 30)
    assert not is_there(pid)
    with pytest.raises(EngineError) as refused:
        await waiting
    assert refused.value.kind is FailureKind.CANCELLED


async def test_who_does_not_wait_for_the_closing_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.process.END_S", 600.0)
    builder = _in_bad_processes("device")
    pool = Pool([model("a", "cpu", "endless")], 2, build=builder)
    pid, waiting = await _stopped_while_it_loads(builder, pool)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0.1)
    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    with pytest.raises(EngineError):
        await asyncio.wait_for(waiting, 30)
    assert not is_there(pid)


async def _all(engine: object) -> object:
    return [event async for event in engine.stream(Prompt.of("x"))][-1]  # type: ignore[attr-defined]
