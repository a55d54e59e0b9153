"""One model's turn: an engine that dies costs no more than what killed it."""

from collections.abc import AsyncGenerator

import pytest

from arena.studies.answering import LIVES, Tally, respond
from arena.studies.generating import generate_into
from arena.studies.study_file import load_study
from serving.engine import Delta, Done, Event, Failed, FailureKind, Prompt
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


@pytest.fixture
def deadly(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the prompts that kill; the first model of the study has only mortal engines."""
    line = '{{"id": "q{0}", "aspect": "daily", "text": {{"en": "What is {0}?"}}}}\n'
    bank = "".join(line.format(number) for number in range(QUESTIONS))
    (folder.path / "bank.jsonl").write_text(bank, encoding="utf-8")
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


async def test_an_engine_that_always_dies_is_given_up(folder: Folder, deadly: set[str]) -> None:
    deadly.update(f"What is {number}?" for number in range(QUESTIONS))
    oak = await run(folder)
    assert oak.made == 0
    assert len({failure.question for failure in oak.failures}) == len(oak.failures) == QUESTIONS
    assert LIVES < QUESTIONS


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
