"""One model's turn: an engine that dies costs no more than what killed it."""

import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import pytest

from arena.studies.answering import LIVES, RESTS, Tally, respond
from arena.studies.generating import generate_into
from arena.studies.study_file import load_study
from serving.engine import Delta, Done, EngineError, Event, Failed, FailureKind, Prompt
from serving.pool import Pool
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.arena.studies.conftest import Folder
from tests.arena.studies.test_generating import Heard

QUESTIONS = 40


class Mortal(ScriptedEngine):
    """Dies of some prompts, and everything in it."""

    def __init__(self, spec: ModelSpec, deadly: frozenset[str]) -> None:
        super().__init__(spec)
        self._deadly = deadly
        self._dead: str | None = None

    def health(self) -> str | None:
        return self._dead

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        if prompt.messages[-1].content in self._deadly:
            self._dead = "its process was killed"
        async for event in super().stream(prompt):
            if self._dead:
                yield Failed(FailureKind.PROCESS_DEAD, self._dead)
                return
            yield event


@dataclass
class Outage:
    """When a server is away: after so many responses, and until it has been asked so often."""

    after: int = 10
    asked: int = 0
    until: float = 5
    rests: int = 0


class Far(ScriptedEngine):
    """Is away for a while, and left alone for a moment whenever it was not reached three times."""

    def __init__(self, spec: ModelSpec, outage: Outage) -> None:
        super().__init__(spec)
        self._outage = outage
        self._strikes = 0
        self._rests_until = 0.0
        self._responses = 0

    def health(self) -> str | None:
        return "rests" if time.monotonic() < self._rests_until else None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        outage = self._outage
        if self.health() is not None:
            yield Failed(FailureKind.BACKEND, "rests")
            return
        if self._responses >= outage.after and outage.asked < outage.until:
            outage.asked += 1
            self._strikes += 1
            if self._strikes >= 3:
                outage.rests += 1
                self._rests_until = time.monotonic() + 0.03
            yield Failed(FailureKind.BACKEND, "not reached")
            return
        self._responses += 1
        async for event in super().stream(prompt):
            self._strikes, self._rests_until = 0, 0.0
            yield event


def build_with(
    monkeypatch: pytest.MonkeyPatch, build: Callable[[ModelSpec], ScriptedEngine]
) -> None:
    """Let the study build its engines so; nothing rests for long."""
    monkeypatch.setattr(
        "arena.studies.generating.pool_of",
        lambda specs, _: Pool(specs, 1, build=build, rest_s=0.001),
    )
    monkeypatch.setattr("arena.studies.answering.LOOK_S", 0.01)


def ask_much(folder: Folder) -> None:
    line = '{{"id": "q{0}", "aspect": "daily", "text": {{"en": "What is {0}?"}}}}\n'
    bank = "".join(line.format(number) for number in range(QUESTIONS))
    (folder.path / "bank.jsonl").write_text(bank, encoding="utf-8")


@pytest.fixture
def outage(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Outage:
    """Return when the models of the study are away."""
    ask_much(folder)
    outage = Outage()

    def pool(specs: list[ModelSpec], _: object) -> Pool:
        return Pool(specs, 1, build=lambda spec: Far(spec, outage))

    monkeypatch.setattr("arena.studies.generating.pool_of", pool)
    monkeypatch.setattr("arena.studies.answering.LOOK_S", 0.01)
    return outage


@pytest.fixture
def deadly(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the prompts that kill; the first model of the study has only mortal engines."""
    ask_much(folder)
    deadly: set[str] = set()

    def pool(specs: list[ModelSpec], _: object) -> Pool:
        return Pool(specs, 1, build=lambda spec: Mortal(spec, frozenset(deadly)))

    monkeypatch.setattr("arena.studies.generating.pool_of", pool)
    return deadly


async def run(folder: Folder) -> Tally:
    oak, _ = await generate_into(folder.db, load_study(folder.study), Heard())
    return oak


async def test_a_prompt_that_kills_its_engine_fails_alone(folder: Folder, deadly: set[str]) -> None:
    deadly.update({"What is 3?", "What is 30?"})
    oak = await run(folder)
    assert (oak.made, sorted(failure.question for failure in oak.failures)) == (38, ["q3", "q30"])
    cause = "process_dead: its process was killed"
    assert {failure.cause for failure in oak.failures} == {cause}
    deadly.clear()
    assert (await run(folder)).made == 2


async def test_an_engine_that_is_killed_while_it_loads_is_loaded_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter([FailureKind.PROCESS_DEAD, FailureKind.ENGINE_DEAD])

    def build(spec: ModelSpec) -> ScriptedEngine:
        if (kind := next(kills, None)) is not None:
            raise EngineError(kind, "killed while it loaded")
        return ScriptedEngine(spec)

    build_with(monkeypatch, build)
    oak = await run(folder)
    assert (oak.made, oak.failures) == (3, [])


async def test_an_engine_that_never_comes_through_loading_is_given_up(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    def build(spec: ModelSpec) -> ScriptedEngine:
        loads.append(spec.name)
        raise EngineError(FailureKind.PROCESS_DEAD, "killed while it loaded")

    build_with(monkeypatch, build)
    oak = await run(folder)
    assert [failure.cause for failure in oak.failures] == 3 * [
        "process_dead: killed while it loaded"
    ]
    assert loads.count("oak") >= LIVES


async def test_kills_that_have_nothing_to_do_with_prompts_cost_none(
    folder: Folder, deadly: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()

    class Unlucky(Mortal):
        """Is killed three times in the same prompt's hands: among many, few, and alone."""

        async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
            text = prompt.messages[-1].content
            asked[text] += 1
            killed = text == "What is 7?" and asked[text] <= 3
            self._deadly = frozenset({text} if killed else ())
            async for event in super().stream(prompt):
                yield event

    build_with(monkeypatch, lambda spec: Unlucky(spec, frozenset(deadly)))
    oak = await run(folder)
    assert (oak.made, oak.failures) == (QUESTIONS, [])


async def test_an_engine_that_always_dies_is_given_up(folder: Folder, deadly: set[str]) -> None:
    deadly.update(f"What is {number}?" for number in range(QUESTIONS))
    oak = await run(folder)
    assert oak.made == 0
    assert len({failure.question for failure in oak.failures}) == len(oak.failures) == QUESTIONS
    assert LIVES < QUESTIONS


@pytest.mark.parametrize("until", [1, 2, 5, 9])
async def test_a_server_that_is_away_for_a_moment_costs_no_response(
    folder: Folder, outage: Outage, until: int
) -> None:
    outage.until = until
    oak = await run(folder)
    assert (oak.made, oak.failures, outage.asked) == (QUESTIONS, [], until)


async def test_a_server_that_stays_away_is_given_up_after_some_rests(
    folder: Folder, outage: Outage
) -> None:
    outage.until = math.inf
    oak, pine = await generate_into(folder.db, load_study(folder.study), Heard())
    assert (oak.made, len(oak.failures)) == (outage.after, QUESTIONS - outage.after)
    assert {failure.cause for failure in oak.failures} == {"backend: not reached"}
    assert outage.rests > 2 * RESTS  # of two models
    assert pine.made == outage.after


async def test_a_question_that_a_server_refuses_is_asked_twice(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Refusing(ScriptedEngine):
        async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
            asked.append(prompt.messages[-1].content)
            yield Failed(FailureKind.BACKEND, "HTTP 500")

    monkeypatch.setattr(
        "arena.studies.generating.pool_of", lambda specs, _: Pool(specs, 1, build=Refusing)
    )
    oak = await run(folder)
    assert {failure.cause for failure in oak.failures} == {"backend: HTTP 500"}
    assert len(oak.failures) == 3
    assert set(Counter(asked).values()) == {4}  # by two models


async def test_a_whole_response_is_all_its_pieces() -> None:
    engine = ScriptedEngine.saying("It is as it is.", chunk_characters=3)
    text, end = await respond(engine, Prompt.of("Is it?"))
    assert (text, isinstance(end, Done)) == ("It is as it is.", True)


async def test_a_stream_without_an_end_is_a_failure() -> None:
    class Silent(ScriptedEngine):
        async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
            del prompt
            yield Delta("It")

    text, end = await respond(Silent(ModelSpec(name="s", kind="scripted")), Prompt.of("Is it?"))
    assert text == ""
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BACKEND
