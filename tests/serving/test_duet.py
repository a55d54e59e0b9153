"""Two streams as one: what a rater sees, when, and that it tells nothing about the sides."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest

from serving.duet import Finished, Pace, Shown, duet
from serving.engine import Delta, Done, Event, Failed, FailureKind, Prompt
from serving.scripted import ScriptedEngine
from tests.serving.virtual_time import virtual_time

ASK = Prompt.of("Hello")
PACE = Pace(characters_per_second=20, tick_s=0.1, start_s=0.3)
LONG = "0123456789" * 10


def engine(text: str, **behaviour: object) -> ScriptedEngine:
    return ScriptedEngine.saying(text, **behaviour)


async def shown(
    a: ScriptedEngine, b: ScriptedEngine, pace: Pace = PACE, deadline_s: float | None = None
) -> tuple[list[tuple[float, Shown]], tuple[float, Finished]]:
    """Return what was shown, with times, and how it finished."""
    now = asyncio.get_running_loop().time
    frames: list[tuple[float, Shown]] = []
    start = now()
    async for event in duet(a.stream(ASK), b.stream(ASK), pace, deadline_s=deadline_s):
        if isinstance(event, Finished):
            return frames, (round(now() - start, 6), event)
        frames.append((round(now() - start, 6), event))
    raise AssertionError("a duet ends with Finished")


@virtual_time
async def test_both_sides_are_shown_at_the_same_fixed_rate() -> None:
    frames, (end, finished) = await shown(engine(LONG), engine(LONG.replace("0", "x")))
    assert [len(frame.a) for _, frame in frames] == [len(frame.b) for _, frame in frames]
    steps = {len(y.a) - len(x.a) for (_, x), (_, y) in pairwise(frames)}
    assert steps <= {1, 2, 3}
    assert end == pytest.approx(0.3 + len(LONG) / 20, abs=0.2)
    assert (finished.text_a, finished.text_b) == (LONG, LONG.replace("0", "x"))


@virtual_time
async def test_speed_does_not_show_while_the_rate_is_below_it() -> None:
    """200 and 25 characters a second look the same at 20."""
    quick = engine(LONG, chunk_characters=1, chunk_s=0.005)
    slow = engine(LONG, chunk_characters=1, chunk_s=0.04)
    both_quick, _ = await shown(quick, quick)
    mixed, _ = await shown(quick, slow)
    assert mixed == both_quick


@virtual_time
async def test_a_script_of_more_bytes_is_shown_slower_and_by_whole_characters() -> None:
    chinese, accents = "冰比水轻" * 10, "naïve façade " * 10
    frames, (end, finished) = await shown(engine(chinese), engine(accents))
    assert end == pytest.approx(0.3 + len(accents.encode()) / 20, abs=0.2)
    for at, frame in frames:
        letters = [len(text.encode()) for text in (frame.a, frame.b)]
        assert max(letters) <= 20 * at
        assert chinese.startswith(frame.a)
        assert accents.startswith(frame.b)
    assert (finished.text_a, finished.text_b) == (chinese, accents)


@virtual_time
async def test_half_a_surrogate_pair_ends_no_battle() -> None:
    _, (_, finished) = await shown(engine("a\ud83d" * 5), engine("short"))
    assert finished.text_a == "a\ud83d" * 5


@virtual_time
async def test_a_first_chunk_waits_for_the_other_side() -> None:
    frames, _ = await shown(engine(LONG), engine(LONG, first_chunk_s=3.0))
    assert frames[0][0] == pytest.approx(3.1, abs=0.11)
    assert frames[0][1].a
    assert frames[0][1].b


@virtual_time
async def test_both_pause_when_one_runs_dry() -> None:
    slow = engine(LONG, chunk_characters=10, chunk_s=2.0)
    frames, _ = await shown(engine(LONG), slow)
    assert all(len(frame.a) == len(frame.b) for _, frame in frames)
    pauses = [y - x for (x, _), (y, _) in pairwise(frames) if y - x > 0.5]
    assert len(pauses) == 9


@virtual_time
async def test_swapping_the_sides_swaps_the_frames_and_nothing_else() -> None:
    # No pause is a multiple of the tick: of two timers due at once either may come first.
    slow = engine("slow " * 20, chunk_characters=3, chunk_s=0.2917)
    one, _ = await shown(engine(LONG), slow)
    two, _ = await shown(slow, engine(LONG))
    assert [(at, Shown(frame.b, frame.a)) for at, frame in two] == one


@virtual_time
async def test_a_short_response_does_not_hold_the_long_one_back() -> None:
    frames, (end, _) = await shown(engine("short"), engine(LONG))
    assert frames[-1][1] == Shown("short", LONG)
    assert end < 6


@virtual_time
async def test_finished_comes_only_when_both_are_wholly_shown() -> None:
    frames, (end, finished) = await shown(engine("short"), engine(LONG))
    assert frames[-1][1].b == LONG
    assert end == frames[-1][0]
    assert isinstance(finished.a, Done)
    assert isinstance(finished.b, Done)


@virtual_time
async def test_two_empty_responses_finish_without_a_frame() -> None:
    frames, (_, finished) = await shown(engine(""), engine(""))
    assert frames == []
    assert (finished.text_a, finished.text_b) == ("", "")
    assert isinstance(finished.a, Done)


@virtual_time
async def test_together_shows_nothing_before_both_are_done() -> None:
    slow = engine(LONG, chunk_characters=10, chunk_s=1.0)
    frames, _ = await shown(engine("short"), slow, Pace(mode="together", characters_per_second=1e9))
    assert [frame for _, frame in frames] == [Shown("short", LONG)]
    assert frames[0][0] > 9


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("mode", ["paced", "together"])
@virtual_time
async def test_one_failure_ends_both_at_once(kind: FailureKind, step: int, mode: str) -> None:
    faulty = engine("abcdef", chunk_characters=2, chunk_s=1.0, fail_at=step, fail_kind=kind)
    healthy = engine(LONG, chunk_s=1.0)
    pace = Pace(mode="together" if mode == "together" else "paced")
    _, (end, finished) = await shown(faulty, healthy, pace)
    assert isinstance(finished.a, Failed)
    assert finished.a.kind is kind
    assert isinstance(finished.b, Failed)
    assert finished.b.kind is FailureKind.CANCELLED
    assert finished.text_a == "abcdef"[: 2 * step]
    assert end <= step + 0.2


@virtual_time
async def test_a_deadline_is_shared() -> None:
    _, (end, finished) = await shown(engine("done"), engine("x", hang_at=0), deadline_s=20.0)
    assert isinstance(finished.a, Done)
    assert isinstance(finished.b, Failed)
    assert finished.b.kind is FailureKind.DEADLINE
    assert end == pytest.approx(20.0, abs=0.2)


@virtual_time
async def test_showing_may_take_longer_than_the_deadline_of_making() -> None:
    _, (end, finished) = await shown(engine(LONG), engine(LONG), deadline_s=1.0)
    assert end > 1.0
    assert isinstance(finished.a, Done)
    assert isinstance(finished.b, Done)


@virtual_time
async def test_an_engine_that_raises_ends_the_duet_as_failed() -> None:
    async def broken() -> AsyncGenerator[Event]:
        yield Delta("a")
        raise RuntimeError("lost")

    events = [event async for event in duet(broken(), engine(LONG).stream(ASK), PACE)]
    assert isinstance(events[-1], Finished)
    assert events[-1].a == Failed(FailureKind.BACKEND, "RuntimeError: lost")


@virtual_time
async def test_a_stream_without_an_end_is_a_failure() -> None:
    async def silent() -> AsyncGenerator[Event]:
        yield Delta("a")

    events = [event async for event in duet(silent(), engine("b").stream(ASK), PACE)]
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-1].a, Failed)


@virtual_time
async def test_leaving_a_duet_closes_both_streams() -> None:
    closed: list[str] = []

    async def watched(name: str) -> AsyncGenerator[Event]:
        try:
            while True:
                await asyncio.sleep(0.05)
                yield Delta("text ")
        finally:
            closed.append(name)

    playing = duet(watched("a"), watched("b"), PACE)
    await anext(playing)
    await playing.aclose()
    assert sorted(closed) == ["a", "b"]
