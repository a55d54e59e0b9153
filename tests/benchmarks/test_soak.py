"""The soak: a few battles of real engines in little room, and what its report must not pass."""

import logging
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.soak import Done, Soak, report, resident_mib, roster, soak


@pytest.mark.slow
@pytest.mark.parametrize("processes", [False, True], ids=["in the server", "in a process"])
async def test_a_few_battles_end_with_votes_on_the_disk(*, processes: bool) -> None:
    models = roster()[:4]  # one checkpoint in four guises
    done = await soak(9, models, slots=3, raters=2, processes=processes)
    assert (done.soak.votes, done.soak.stuck, done.soak.voids) == (9, 0, 0)
    assert done.soak.loads > 0
    assert done.votes.total() == 9
    assert done.off_plan(len(models)) <= 1
    log = logging.getLogger("serving")  # as it was: who counts changes nothing
    assert (log.level, log.propagate, log.handlers) == (logging.NOTSET, True, [])


def test_memory_counts_that_of_the_processes_of_engines() -> None:
    alone = resident_mib()
    holds = "import sys; held = b'x' * 100_000_000; print(len(held), flush=True); sys.stdin.read()"
    with subprocess.Popen(  # noqa: S603 -- our own interpreter
        [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert resident_mib() - alone > 95  # MiB
        child.communicate()


def finished(memory: dict[int, float], counts: list[int], stuck: int = 0) -> Done:
    happened = Soak(votes=max(memory), memory=memory, seconds=[1.0], stuck=stuck)
    pairs = [frozenset(pair) for pair in ({1, 2}, {1, 3}, {2, 3})]
    return Done(happened, Counter(dict(zip(pairs, counts, strict=False))))


def test_a_soak_that_held_says_so() -> None:
    assert report(finished({100: 500.0, 500: 549.0}, [3, 3, 2]), 3, 2, 1).ok


@pytest.mark.parametrize(
    ("done", "fault"),
    [
        (finished({100: 500.0, 500: 551.0}, [3, 3, 2]), "memory grew 1.10 times"),
        (finished({100: 500.0, 500: 500.0}, [3, 3, 2], stuck=1), "1 battles did not end"),
        (finished({100: 500.0, 500: 500.0}, [4, 3, 1]), "1.67 votes off the plan"),
        (finished({100: 500.0, 500: 500.0}, [3, 3]), "2.00 votes off the plan"),
    ],
    ids=["memory", "stuck", "uneven", "a pair without votes"],
)
def test_what_must_not_be_is_a_fault(done: Done, fault: str) -> None:
    assert any(fault in said for said in report(done, 3, 2, 1).faults)
