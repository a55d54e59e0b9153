"""Dying sources: requests survive one death, models that keep dying rest."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

import pytest

from serving.engine import EngineError, FailureKind
from serving.spec import Sampling
from serving.supervisor import Supervisor
from serving.tokens import SourceDiedError, TokenRequest
from tests.serving.virtual_time import virtual_time


class Counting:
    """A source that says 0, 1, 2, ... of a whole response and dies before ``dies_at``."""

    def __init__(self, dies_at: int | None = None, error: Exception | None = None) -> None:
        self.dies_at = dies_at
        self.error = error or RuntimeError("device lost")
        self.requests: list[TokenRequest] = []
        self.stopped = 0

    async def tokens(self, request: TokenRequest) -> AsyncGenerator[list[int]]:
        """Continue counting where the request stands."""
        self.requests.append(request)
        for number in range(request.drawn, request.drawn + request.limit):
            await asyncio.sleep(0.1)
            if number == self.dies_at and not request.drawn:
                raise SourceDiedError(self.error)
            yield [number]

    def stop(self) -> None:
        """Count that it was stopped."""
        self.stopped += 1


def ask(limit: int = 6) -> TokenRequest:
    return TokenRequest((100,), limit, Sampling(), seed=0)


def supervised(*sources: Counting | Exception) -> tuple[Supervisor, Callable[[], int]]:
    """Return a supervisor that builds ``sources`` in turn, and how many it built."""
    left = list(sources)

    def build() -> Counting:
        source = left.pop(0)
        if isinstance(source, Exception):
            raise source
        return source

    return Supervisor("m", build, rest_s=30.0), lambda: len(sources) - len(left)


async def read(supervisor: Supervisor, request: TokenRequest | None = None) -> list[int]:
    stream = supervisor.tokens(request or ask())
    return [number async for ids in stream for number in ids]


@virtual_time
async def test_a_source_that_is_well_is_left_alone() -> None:
    supervisor, built = supervised(Counting())
    assert await read(supervisor) == list(range(6))
    assert await read(supervisor) == list(range(6))
    assert built() == 1


@virtual_time
async def test_a_response_goes_on_after_a_death() -> None:
    dying, next_one = Counting(dies_at=3), Counting()
    supervisor, _ = supervised(dying, next_one)
    assert await read(supervisor) == list(range(6))
    assert dying.stopped == 1
    assert next_one.requests[0].ids == (100, 0, 1, 2)
    assert next_one.requests[0].limit == 3
    assert supervisor.health() is None


@virtual_time
async def test_a_second_death_fails_the_request_and_rests_the_model() -> None:
    supervisor, built = supervised(Counting(dies_at=0), Counting(dies_at=0), Counting())
    with pytest.raises(EngineError, match="device lost") as caught:
        await read(supervisor)
    assert caught.value.kind is FailureKind.ENGINE_DEAD
    with pytest.raises(EngineError, match="rests for"):
        await read(supervisor)
    assert built() == 2


@virtual_time
async def test_on_a_spoilt_device_nothing_is_tried_again() -> None:
    spoilt = RuntimeError("CUDA error: device-side assert triggered")
    supervisor, built = supervised(Counting(dies_at=2, error=spoilt), Counting())
    for words in ("device-side assert", "rests for"):
        with pytest.raises(EngineError, match=words) as caught:
            await read(supervisor)
        assert caught.value.kind is FailureKind.PROCESS_DEAD  # this model need not be the cause
    assert built() == 1


@virtual_time
async def test_nor_on_one_that_was_spoilt_by_then() -> None:
    spoilt = RuntimeError("CUDA error: device-side assert triggered")
    after = Counting(dies_at=0, error=spoilt)
    supervisor, built = supervised(Counting(dies_at=0), after, Counting())
    for words in ("device-side assert", "rests for"):
        with pytest.raises(EngineError, match=words) as caught:
            await read(supervisor)
        assert caught.value.kind is FailureKind.PROCESS_DEAD
    assert (built(), after.stopped) == (2, 0)  # to stop it may take for ever


@virtual_time
async def test_a_rested_model_is_built_again() -> None:
    supervisor, _ = supervised(Counting(dies_at=0), Counting(dies_at=0), Counting())
    with pytest.raises(EngineError):
        await read(supervisor)
    await asyncio.sleep(31)
    assert await read(supervisor) == list(range(6))


@virtual_time
async def test_whole_responses_between_deaths_are_forgiven() -> None:
    supervisor, built = supervised(*(Counting(dies_at=3) for _ in range(4)))
    for _ in range(3):  # each dies once and is finished by the next source, which goes on from 3
        assert await read(supervisor, ask(limit=4)) == [0, 1, 2, 3]
        assert supervisor.health() is None
    assert built() == 4


@virtual_time
async def test_requests_that_die_together_count_as_one_death_and_are_retried_singly() -> None:
    after = Counting()
    supervisor, built = supervised(Counting(dies_at=2), after)
    both = await asyncio.gather(read(supervisor), read(supervisor))
    assert list(both) == [list(range(6)), list(range(6))]
    assert built() == 2
    assert len(after.requests) == 2


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(RuntimeError("the logits are not a number"), FailureKind.NAN, id="ours"),
        pytest.param(
            RuntimeError("probability tensor contains either `inf`, `nan` or element < 0"),
            FailureKind.NAN,
            id="the library's",
        ),
        pytest.param(
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            FailureKind.OUT_OF_MEMORY,
            id="memory of the processor",
        ),
        pytest.param(
            RuntimeError("CUDA out of memory. Tried to allocate"),
            FailureKind.OUT_OF_MEMORY,
            id="memory of the device",
        ),
        pytest.param(MemoryError(), FailureKind.OUT_OF_MEMORY, id="memory of Python"),
        pytest.param(
            RuntimeError("CUDA error: an illegal memory access was encountered"),
            FailureKind.PROCESS_DEAD,
            id="spoilt device",
        ),
        pytest.param(
            ValueError("no template takes the text 'CUDA error'"),
            FailureKind.ENGINE_DEAD,
            id="somebody's words",
        ),
        pytest.param(IndexError("index out of range in self"), FailureKind.ENGINE_DEAD, id="other"),
    ],
)
def test_the_kind_of_a_death_is_read_from_its_cause(error: Exception, kind: FailureKind) -> None:
    assert SourceDiedError(error).kind is kind


@virtual_time
async def test_a_source_that_cannot_be_built_again_fails_its_requests() -> None:
    supervisor, _ = supervised(Counting(dies_at=1), MemoryError("no room"))
    with pytest.raises(EngineError, match="cannot be started again") as caught:
        await read(supervisor)
    assert caught.value.kind is FailureKind.OUT_OF_MEMORY


@virtual_time
async def test_a_closed_supervisor_takes_no_request() -> None:
    source = Counting()
    supervisor, _ = supervised(source)
    await read(supervisor)
    supervisor.stop()
    assert source.stopped == 1
    with pytest.raises(EngineError, match="closed") as caught:
        await read(supervisor)
    assert caught.value.kind is FailureKind.CANCELLED


def held() -> tuple[Supervisor, list[Counting], threading.Event, threading.Event]:
    """Return a supervisor whose second source is not built before the last event says so."""
    made: list[Counting] = [Counting(dies_at=0)]
    begun, go_on = threading.Event(), threading.Event()

    def build() -> Counting:
        begun.set()
        assert go_on.wait(30)
        made.append(Counting())
        return made[-1]

    return Supervisor("m", build, source=made[0]), made, begun, go_on


async def test_what_was_being_built_when_it_was_closed_is_ended() -> None:
    supervisor, made, begun, go_on = held()
    reader = asyncio.create_task(read(supervisor))
    assert await asyncio.to_thread(begun.wait, 30)
    await asyncio.to_thread(supervisor.stop)
    go_on.set()
    with pytest.raises(EngineError, match="closed") as caught:
        await reader
    assert caught.value.kind is FailureKind.CANCELLED
    assert [source.stopped for source in made] == [1, 1]


async def test_also_where_nobody_waits_for_it_any_more() -> None:
    supervisor, made, begun, go_on = held()
    reader = asyncio.create_task(read(supervisor))
    assert await asyncio.to_thread(begun.wait, 30)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    supervisor.stop()
    go_on.set()
    for _ in range(3000):
        if len(made) == 2 and made[1].stopped:
            break
        await asyncio.sleep(0.01)
    assert [source.stopped for source in made] == [1, 1]


async def test_what_somebody_left_unbuilt_serves_who_comes_next() -> None:
    supervisor, made, begun, go_on = held()
    reader = asyncio.create_task(read(supervisor))
    assert await asyncio.to_thread(begun.wait, 30)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    again = asyncio.create_task(read(supervisor))
    await asyncio.sleep(0)
    go_on.set()
    assert await again == list(range(6))
    assert len(made) == 2
    supervisor.stop()
    assert [source.stopped for source in made] == [1, 1]
