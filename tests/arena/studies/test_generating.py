"""Responses made ahead: each once, the missing ones alone, and a failing model stops no other."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from arena.errors import ConfigError
from arena.studies.answering import Tally
from arena.studies.generating import MOST_AT_ONCE, generate_into, seed_of, widened
from arena.studies.study_file import load_study
from serving.budget import parts_of
from serving.loading import Loaded, load
from serving.scripted import ScriptedEngine
from serving.shelf import size_of
from serving.spec import ModelSpec
from tests.arena.studies.conftest import STUDY, Folder
from tests.serving.virtual_time import let_pass

TINY = Path(__file__).parents[3] / "data" / "models" / "cedar-1m"
FAILING = 'kind = "scripted"\nbehaviour = { fail_at = 0, fail_kind = "nan" }\nresponses = ["No.'


@dataclass
class Heard:
    """A watcher that writes down what it hears."""

    turns: list[tuple[str, int, int]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    failures: int = 0
    waits_for: list[list[str]] = field(default_factory=list)

    def begin(self, model: str, stored: int, wanted: int) -> None:
        self.turns.append((model, stored, wanted))

    def made(self, tokens: int) -> None:
        self.tokens.append(tokens)

    def failed(self) -> None:
        self.failures += 1

    def waits(self, models: Sequence[str], seconds: float, times: int) -> None:
        del seconds, times
        self.waits_for.append(list(models))


async def run(folder: Folder, heard: Heard | None = None) -> list[Tally]:
    return await generate_into(folder.db, load_study(folder.study), heard or Heard())


def rows(folder: Folder) -> list[tuple[object, ...]]:
    query = """
        SELECT model.name, question.name, language, response.text, finish_reason, response.seed,
               study_response.seed, checkpoint, response.id
        FROM study_response
        JOIN model ON model.id = study_response.model_id
        JOIN question ON question.id = question_id
        JOIN response ON response.id = response_id
        ORDER BY 1, 2, 3"""
    with closing(sqlite3.connect(folder.db)) as connection:
        return connection.execute(query).fetchall()


async def test_every_model_responds_to_every_question_once(folder: Folder) -> None:
    heard = Heard()
    tallies = await run(folder, heard)
    assert [(t.model, t.wanted, t.stored, t.made) for t in tallies] == [
        ("oak", 3, 0, 3),
        ("pine", 3, 0, 3),
    ]
    assert [row[:3] for row in rows(folder)] == [
        (model, question, "en") for model in ("oak", "pine") for question in ("bat", "ice", "sum")
    ]
    assert heard.turns == [("oak", 0, 3), ("pine", 0, 3)]
    assert len(heard.tokens) == 6


async def test_a_row_says_how_it_was_made(folder: Folder) -> None:
    await run(folder)
    model, question, language, text, reason, drawn, seed, checkpoint, _ = rows(folder)[0]
    assert drawn == seed_of(5, str(question), str(language), str(model))
    assert (reason, seed, checkpoint) == ("stop", 5, "")
    assert text in ("It is.", "It is so.", "It is as it is.")


async def test_a_second_run_makes_nothing(folder: Folder) -> None:
    await run(folder)
    before = rows(folder)
    assert [tally.made for tally in await run(folder)] == [0, 0]
    assert rows(folder) == before


async def test_only_what_is_missing_is_made(folder: Folder) -> None:
    await run(folder)
    before = rows(folder)
    folder.change('["en"]', '["en", "zh"]')
    tallies = await run(folder)
    assert [(tally.stored, tally.made) for tally in tallies] == [(3, 3), (3, 3)]
    assert set(before) < set(rows(folder))


async def test_another_seed_makes_others_beside_them(folder: Folder) -> None:
    await run(folder)
    folder.change("seed = 5", "seed = 6")
    assert [tally.made for tally in await run(folder)] == [3, 3]
    assert len(rows(folder)) == 12


async def test_a_question_that_is_worded_anew_is_another_question(folder: Folder) -> None:
    await run(folder)
    bank = folder.path / "bank.jsonl"
    bank.write_text(bank.read_text(encoding="utf-8").replace("2 + 3", "2 + 4"), encoding="utf-8")
    assert [tally.made for tally in await run(folder)] == [1, 1]


async def test_a_model_that_fails_is_listed_and_stops_no_other(folder: Folder) -> None:
    folder.change('kind = "scripted"\nresponses = ["It is.', FAILING)
    heard = Heard()
    oak, pine = await run(folder, heard)
    assert (oak.made, len(oak.failures), pine.made) == (0, 3, 3)
    assert {failure.question for failure in oak.failures} == {"ice", "bat", "sum"}
    assert {failure.cause for failure in oak.failures} == {"nan: oak: told to fail at chunk 0"}
    assert heard.failures == 3
    assert len(rows(folder)) == 3


async def test_what_failed_is_made_by_the_next_run(folder: Folder) -> None:
    folder.change('kind = "scripted"\nresponses = ["It is.', FAILING)
    await run(folder)
    folder.change(FAILING, 'kind = "scripted"\nresponses = ["It is.')
    assert [tally.made for tally in await run(folder)] == [3, 0]


async def test_a_model_without_its_files_fails_and_stops_no_other(folder: Folder) -> None:
    elm = folder.path / "elm"
    elm.mkdir()
    folder.change('kind = "scripted"\nresponses = ["It is.', 'checkpoint = "elm"\nstop = ["It is.')
    oak, pine = await run(folder)
    assert (oak.made, len(oak.failures), pine.made) == (0, 3, 3)
    assert "elm" in oak.failures[0].cause


async def test_a_model_that_changed_is_refused_with_what_changed(folder: Folder) -> None:
    await run(folder)
    folder.change("It is so.", "It is not so.")
    folder.change('name = "pine"', 'name = "pine"\noutput_tokens = 9')
    with pytest.raises(ConfigError) as refusal:
        await run(folder)
    oak, pine = str(refusal.value).splitlines()
    assert "models[0]: 'oak' is not the model any more" in oak
    assert "changed: responses. Put that back, or give" in oak
    assert "changed: output_tokens." in pine
    assert len(rows(folder)) == 6


async def test_quantized_weights_are_kept_for_the_next_run(folder: Folder) -> None:
    int8 = f'checkpoint = "{TINY}"\ndevice = "cpu"\nquantization = "int8"\noutput_tokens = 2\n'
    folder.change('kind = "scripted"\nresponses = ["It is.', f'{int8}stop = ["It is.')
    folder.write(folder.study.read_text(encoding="utf-8") + '[pool]\ncache = "kept"\n')
    assert [tally.made for tally in await run(folder)] == [3, 3]
    assert size_of(folder.path / "kept")[0] == 1


async def test_a_model_without_room_for_any_question_is_told_once_and_not_loaded(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.change(
        'kind = "scripted"\nresponses = ["It is.', f'checkpoint = "{TINY}"\nstop = ["It is.'
    )
    monkeypatch.setattr("serving.weights.load", lambda *_, **__: pytest.fail("it was loaded"))
    oak, pine = await run(folder)
    cause = {failure.cause for failure in oak.failures}
    assert (len(oak.failures), len(cause), pine.made) == (3, 1, 3)
    assert cause.pop() == (
        "context: oak takes 512 tokens, and 512 of them are kept for a response: room for 0 bytes "
        "of conversation, and a prompt takes at least 52; lower output_tokens, raise "
        "context_tokens, or leave the model out"
    )


async def test_a_deadline_ends_a_model_that_hangs(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = ScriptedEngine._wait  # noqa: SLF001 -- to know who waits for ever

    async def waits(self: ScriptedEngine, seconds: float | None) -> None:
        if seconds is None:
            let_pass(60.0, monkeypatch)
        await wait(self, seconds)

    monkeypatch.setattr(ScriptedEngine, "_wait", waits)
    folder.change("seed = 5", "seed = 5\ndeadline_s = 60.0")
    hanging = 'kind = "scripted"\nbehaviour = { hang_at = 1 }\nresponses = ["It is.'
    folder.change('kind = "scripted"\nresponses = ["It is.', hanging)
    oak, pine = await run(folder)
    assert {failure.cause for failure in oak.failures} == {"deadline: oak: no end after 60.0 s"}
    assert pine.made == 3


def test_seeds_differ_by_question_language_and_model_and_stay_small() -> None:
    asked = [(5, "ice", "en", "oak"), (5, "ice", "zh", "oak"), (5, "ice", "en", "pine")]
    seeds = {seed_of(*one) for one in [*asked, (6, "ice", "en", "oak"), (5, "bat", "en", "oak")]}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(*asked[0]) == seed_of(*asked[0])


def test_a_batch_is_as_large_as_the_budget_allows() -> None:
    spec = ModelSpec(name="cedar", checkpoint=str(TINY), context_tokens=512, output_tokens=128)
    sizes = {
        size: sum(parts_of(spec.model_copy(update={"batch": size})).values()) for size in (1, 20)
    }
    assert widened([spec], 100, sizes[20])[0].batch == 20
    assert widened([spec], 100, sizes[20] - 1)[0].batch == 19
    assert widened([spec], 7, sizes[20])[0].batch == 7
    assert widened([spec], 100, sizes[1] - 1)[0].batch == 1
    assert widened([spec], 10**6, 10**12)[0].batch == MOST_AT_ONCE


def test_a_model_that_runs_elsewhere_keeps_its_batch() -> None:
    spec = ModelSpec(name="far", url="http://127.0.0.1:1/v1", remote_name="m", batch=3)
    assert widened([spec], 100, 10**12)[0].batch == 3


async def test_models_on_the_same_weights_load_them_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = '[[models]]\nname = "{}"\ncheckpoint = "{}"\ndevice = "cpu"\noutput_tokens = 4\n'
    oak, elm, pine = (
        model.format(name, TINY.with_name(f"{checkpoint}-1m"))
        for name, checkpoint in (("oak", "cedar"), ("elm", "pebble"), ("pine", "cedar"))
    )
    head = STUDY[: STUDY.index("[[models]]")]
    folder.write(head + oak + elm + pine + "sampling = { temperature = 0.1 }\n")
    loaded: list[str] = []

    def counted(spec: ModelSpec) -> Loaded:
        loaded.append(Path(spec.checkpoint or "").name)
        return load(spec)

    monkeypatch.setattr("serving.weights.load", counted)
    tallies = await run(folder)
    assert [(tally.model, tally.made) for tally in tallies] == [("oak", 3), ("elm", 3), ("pine", 3)]
    assert loaded == ["cedar-1m", "pebble-1m"]
