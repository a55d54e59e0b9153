"""A process as the system sees it: how it ended, why it was killed, what it said last."""

import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import Pipe

import pytest

from serving.spawned import Spawned

Spawn = Callable[[str], Spawned]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Return a starter of processes that do what they are told by an environment variable."""
    started: list[Spawned] = []

    def one(told: str) -> Spawned:
        ours, theirs = Pipe()
        os.environ["TOLD"] = told
        started.append(Spawned("cpu", "tests.serving.told_child", theirs))
        theirs.close()
        ours.close()
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.bury()
    del os.environ["TOLD"]


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        pytest.param("os._exit(7)", "ended with status 7", id="status"),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL", id="signal with a name"
        ),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGRTMIN + 1)",
            f"was ended by signal {signal.SIGRTMIN + 1}",
            id="signal without",
        ),
    ],
)
def test_how_it_ended_is_told_in_words(spawn: Spawn, told: str, verdict: str) -> None:
    process = spawn(told)
    assert process.bury() == verdict
    assert process.end() == verdict


def test_what_it_said_last_comes_after_how_it_ended(spawn: Spawn) -> None:
    told = "print('out', flush=True); print('err', file=sys.stderr, flush=True); os._exit(1)"
    assert spawn(told).bury().splitlines() == [
        "ended with status 1",
        "It said last:",
        "out",
        "err",
    ]


def test_who_is_killed_for_a_reason_says_where_it_stands(spawn: Spawn) -> None:
    process = spawn("faulthandler.enable(); print('ready', flush=True); time.sleep(600)")
    while not process._last_words:  # noqa: SLF001 -- nothing else tells that it stands there
        assert process.end() is None
    process.abort("it was slow")
    process.abort("a second reason does not count")
    buried = process.bury()
    assert buried.startswith("was ended by SIGABRT, because it was slow\n")
    assert "told_child.py" in buried


def test_who_ended_before_it_was_killed_has_a_reason_of_its_own(spawn: Spawn) -> None:
    process = spawn("os._exit(7)")
    process.bury()
    process.abort("it was slow")
    assert process.end() == "ended with status 7"
