"""One pace for a roster: what the slowest model makes, whichever pair is shown."""

import asyncio
import math
from collections.abc import AsyncGenerator
from itertools import product
from typing import Any

import pytest

from serving.duet import Finished, Pace, Shown, duet
from serving.engine import Delta, Done, Event, Prompt
from serving.scripted import ScriptedEngine
from serving.tempo import MARGIN, PATIENCE, STALL, Tempo
from tests.serving.virtual_time import virtual_time

WANTED = Pace("paced", 60.0, tick_s=0.1, start_s=0.3)
SLOW, FAST = 0.2, 0.02  # seconds a token: 5 and 50 tokens a second
TEXT = "It is said that ice floats since it is lighter than the water below. " * 3
CHINESE = "冰比水轻所以浮在上"
COUNTED = "one two three four five six seven eight nine ten"  # twelve tokens of four characters


def engine(chunk_s: float, text: str = COUNTED, first_s: float = 0.0) -> ScriptedEngine:
    return ScriptedEngine.saying(text, chunk_s=chunk_s, first_chunk_s=first_s)


class Counted(ScriptedEngine):
    """Counts how often it was asked."""

    asked = 0

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        self.asked += 1
        return super().stream(prompt)


async def measured(*chunk_s: float, wanted: Pace = WANTED) -> Tempo:
    tempo = Tempo(wanted)
    for number, seconds in enumerate(chunk_s):
        await tempo.measure(f"model {number}", engine(seconds))
    return tempo


def done(tokens: int, seconds: float, first: float = 0.5) -> Done:
    return Done("stop", tokens, seconds, first)


def test_nothing_measured_is_shown_as_it_is_wanted() -> None:
    assert Tempo(WANTED).pace() == WANTED


@virtual_time
async def test_the_slowest_model_sets_the_pace_of_all() -> None:
    pace = (await measured(FAST, SLOW)).pace()
    assert pace.characters_per_second == pytest.approx(MARGIN * 4 / SLOW)


@virtual_time
async def test_models_quicker_than_a_reader_are_shown_at_a_readers_pace() -> None:
    assert (await measured(FAST, FAST)).pace().characters_per_second == 60.0


@virtual_time
async def test_together_knows_no_reader() -> None:
    wanted = Pace("together", 60.0)
    pace = (await measured(FAST, wanted=wanted)).pace()
    assert pace.characters_per_second == pytest.approx(MARGIN * 4 / FAST)


@virtual_time
async def test_the_slowest_first_token_sets_the_start_of_all() -> None:
    tempo = await measured(FAST)
    await tempo.measure("late", engine(FAST, first_s=2.0))
    assert tempo.pace().start_s == pytest.approx(2.0 * PATIENCE)


@virtual_time
async def test_a_model_is_measured_once_and_all_wait_for_it() -> None:
    tempo, slow = Tempo(WANTED), Counted.saying(COUNTED, chunk_s=SLOW)
    await asyncio.gather(*(tempo.measure("slow", slow) for _ in range(3)))
    await tempo.measure("slow", slow)
    assert slow.asked == 1
    assert tempo.pace().characters_per_second < 60.0


@pytest.mark.parametrize(
    "behaviour", [{"fail_at": 0}, {"hang_at": 0}, {"first_chunk_s": 100.0}], ids=str
)
@virtual_time
async def test_a_model_that_cannot_be_measured_holds_nothing_up(
    behaviour: dict[str, float],
) -> None:
    tempo = Tempo(WANTED)
    await tempo.measure("broken", ScriptedEngine.saying(COUNTED, **behaviour))
    assert tempo.pace() == WANTED
    assert asyncio.get_running_loop().time() <= 5.1


class Deaf(ScriptedEngine):
    """Keeps no deadline, and says nothing; or breaks."""

    breaks = False

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        del prompt
        if self.breaks:
            raise RuntimeError("lost")
        await asyncio.sleep(1e6)
        yield Delta("late")


class Broken(Deaf):
    """Breaks at once."""

    breaks = True


@pytest.mark.parametrize("kind", [Deaf, Broken])
@virtual_time
async def test_an_engine_that_keeps_no_promise_holds_nothing_up(kind: type[Deaf]) -> None:
    tempo = Tempo(WANTED)
    await tempo.measure("deaf", kind.saying())
    assert tempo.pace() == WANTED
    assert asyncio.get_running_loop().time() <= 10.1


@virtual_time
async def test_a_model_too_slow_to_be_measured_whole_is_measured_by_its_beginning() -> None:
    pace = (await measured(1.0)).pace()
    assert pace.characters_per_second == pytest.approx(MARGIN * 4 / 1.0)


def test_every_response_is_learned_from() -> None:
    tempo = Tempo(WANTED)
    tempo.learn("oak", "x" * 100, done(50, 10.5))
    assert tempo.pace().characters_per_second == pytest.approx(MARGIN * 100 * 49 / 50 / 10)
    assert tempo.pace().start_s == pytest.approx(0.5 * PATIENCE)


def test_one_bad_moment_slows_nobody_down() -> None:
    tempo = Tempo(WANTED)
    for _ in range(7):
        tempo.learn("oak", "x" * 400, done(100, 4.5))
    tempo.learn("oak", "x" * 400, done(100, 90.0, 20.0))
    assert tempo.pace().characters_per_second == 60.0
    assert tempo.pace().start_s < 1.0


@virtual_time
async def test_a_bad_moment_of_a_first_response_slows_nobody_down_by_much() -> None:
    tempo = await measured(FAST)
    tempo.learn("model 0", "Yes, it is.", done(5, 60.5, 20.0))
    rate = tempo.pace().characters_per_second
    assert rate == pytest.approx(MARGIN * 4 / FAST / STALL)
    assert tempo.pace().start_s == WANTED.start_s


@pytest.mark.parametrize("battles", [1, 2, 3])
@virtual_time
async def test_a_model_that_is_slower_in_battles_than_alone_is_believed_at_once(
    battles: int,
) -> None:
    tempo = Tempo(WANTED)
    await tempo.measure("oak", engine(SLOW, first_s=0.5))
    for _ in range(battles):
        tempo.learn("oak", "x" * 400, done(100, 41.0, 1.0))
    assert tempo.pace().characters_per_second == pytest.approx(MARGIN * 4 * 99 / 40)
    assert tempo.pace().start_s == pytest.approx(PATIENCE)


def test_a_lasting_change_is_followed_both_ways() -> None:
    tempo = Tempo(WANTED)
    for seconds, expected in ((40.5, 8.0), (4.5, 60.0)):
        for _ in range(16):
            tempo.learn("oak", "x" * 400, done(100, seconds))
        assert tempo.pace().characters_per_second == pytest.approx(expected, rel=0.02)


def test_an_empty_or_tiny_response_tells_no_rate() -> None:
    tempo = Tempo(WANTED)
    tempo.learn("oak", "", Done("stop", 0, 9.0, None))
    tempo.learn("oak", "No", done(1, 90.0, 0.1))
    assert tempo.pace() == WANTED


def test_a_script_of_shorter_tokens_has_a_pace_of_its_own() -> None:
    """Two fifths of the other until a response says more, and neither slows the other down."""
    tempo = Tempo(WANTED)
    tempo.learn("oak", "x" * 400, done(100, 20.5))
    unheard = tempo.pace(CHINESE).characters_per_second
    assert unheard == pytest.approx(tempo.pace().characters_per_second * 2 / 5)
    for _ in range(16):
        tempo.learn("oak", CHINESE * 10, done(90, 18.5))
    assert tempo.pace(CHINESE).characters_per_second == pytest.approx(MARGIN * 3 * 89 / 18)
    assert tempo.pace("Why?").characters_per_second == pytest.approx(MARGIN * 4 * 99 / 20)


@pytest.mark.parametrize(
    "tokens", ["x", [], 10**400, math.inf, math.nan, -1], ids=lambda x: repr(x)[:9]
)
def test_nothing_that_is_said_of_a_response_is_an_error(tokens: Any) -> None:  # noqa: ANN401
    tempo = Tempo(WANTED)
    tempo.learn("oak", TEXT, done(tokens, 10.5))
    tempo.learn("oak", TEXT, done(50, math.nan))
    tempo.learn("oak", TEXT, done(50, 10.5, math.inf))
    assert tempo.pace() == WANTED


def test_tokens_without_text_do_not_stop_the_arena() -> None:
    tempo = Tempo(WANTED)
    tempo.learn("oak", "", done(50, 10.5, 0.1))
    assert tempo.pace().characters_per_second == WANTED.characters_per_second


async def frames(
    pace: Pace, chunk_s: tuple[float, ...], text: str = TEXT, chunk_characters: int = 4
) -> list[tuple[float, Shown]]:
    """Return what is shown of two texts, and when, if they are made at these speeds."""
    now = asyncio.get_running_loop().time
    ask, start, seen = Prompt.of("Why does ice float?"), now(), list[tuple[float, Shown]]()
    a, b = (
        ScriptedEngine.saying(said, chunk_s=seconds, chunk_characters=chunk_characters)
        for said, seconds in zip((text, text[: len(text) * 3 // 4]), chunk_s, strict=True)
    )
    async for event in duet(a.stream(ask), b.stream(ask), pace):
        if isinstance(event, Finished):
            return [*seen, (round(now() - start, 6), Shown(event.text_a, event.text_b))]
        seen.append((round(now() - start, 6), event))
    raise AssertionError("a duet ends with Finished")


@pytest.mark.parametrize("mode", ["paced", "together"])
@virtual_time
async def test_what_is_shown_and_when_is_the_same_for_every_pair_of_speeds(mode: str) -> None:
    wanted = Pace("together" if mode == "together" else "paced", 60.0)
    pace = (await measured(FAST, SLOW, wanted=wanted)).pace()
    shown = [await frames(pace, speeds) for speeds in product((FAST, SLOW), repeat=2)]
    assert all(pair == shown[0] for pair in shown)


@pytest.mark.parametrize("letters", [4, 8])
@pytest.mark.parametrize("mode", ["paced", "together"])
@virtual_time
async def test_pairs_are_told_apart_in_no_script_though_models_were_measured_in_another(
    mode: str, letters: int
) -> None:
    """A token of so many letters in the prompt of ours, and of one character here."""
    tempo = Tempo(Pace("together" if mode == "together" else "paced", 60.0))
    for seconds in (FAST, SLOW):
        model = ScriptedEngine.saying(COUNTED, chunk_s=seconds, chunk_characters=letters)
        await tempo.measure(f"{seconds}", model)
    pace = tempo.pace("冰为什么会浮？")
    pairs = product((FAST, SLOW), repeat=2)
    shown = [await frames(pace, speeds, CHINESE * 7, 1) for speeds in pairs]
    assert all(pair == shown[0] for pair in shown)


@pytest.mark.parametrize("mode", ["paced", "together"])
@virtual_time
async def test_a_pace_above_the_slowest_model_tells_the_pairs_apart(mode: str) -> None:
    pace = Pace("together" if mode == "together" else "paced", 60.0)
    shown = [await frames(pace, speeds) for speeds in ((FAST, FAST), (FAST, SLOW))]
    assert shown[0] != shown[1]


@virtual_time
async def test_a_measurement_that_failed_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    mute = ScriptedEngine.saying("x", fail_at=0)
    await Tempo(WANTED).measure("mute", mute)
    (told,) = [record for record in caplog.records if "mute" in record.getMessage()]
    assert told.levelname == "WARNING"
    assert "told to fail at chunk 0" in told.getMessage()
