"""The soak: a few battles of real engines in little room, and what its report must not pass."""

from collections import Counter

import pytest

from benchmarks.soak import Done, Soak, report, roster, soak


@pytest.mark.slow
async def test_a_few_battles_end_with_votes_on_the_disk() -> None:
    models = roster()[:4]  # one checkpoint in four guises
    done = await soak(9, models, slots=3, raters=2)
    assert (done.soak.votes, done.soak.stuck, done.soak.voids) == (9, 0, 0)
    assert done.soak.loads > 0
    assert done.votes.total() == 9
    assert done.off_plan(len(models)) <= 1


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
