"""Servers that are away when their model's turn comes: waited for, after all the others."""

import asyncio
import re
from collections import Counter

import pytest

from arena.studies.answering import RESTS, Tally
from arena.studies.generating import generate_into
from arena.studies.study_file import load_study
from serving.engine import EngineError, FailureKind
from serving.pool import Pool
from serving.scripted import ScriptedEngine
from serving.spec import ModelSpec
from tests.arena.studies.conftest import STUDY, Folder
from tests.arena.studies.test_generating import Heard
from tests.serving.bad_server import DONE, answers, event, says, serving
from tests.serving.far import GOOD, is_trial

FAR = """
[[models]]
name = "{}"
url = "http://127.0.0.1:1/v1"
remote_name = "x"
"""


@pytest.fixture
def asked(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often each server was asked; they are away until they are `back`."""
    head, *models = STUDY.partition("[[models]]")
    folder.write(head + FAR.format("elm") + FAR.format("fir") + "".join(models))
    monkeypatch.setattr("arena.studies.generating.REST_S", 0.001)
    return Counter()


async def run(
    folder: Folder,
    asked: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    **back: int,
) -> tuple[dict[str, Tally], Heard]:
    """Generate; the server of a model is back when it was asked so often."""

    def reach(spec: ModelSpec) -> None:
        asked[spec.name] += 1
        if asked[spec.name] < back.get(spec.name, 0):
            raise EngineError(FailureKind.BACKEND, f"{spec.name}: refused")

    def build(spec: ModelSpec) -> ScriptedEngine:
        if spec.kind == "remote":
            reach(spec)
        return ScriptedEngine(spec)

    monkeypatch.setattr("serving.reach.reach", reach)
    monkeypatch.setattr(
        "arena.studies.generating.pool_of", lambda specs, _: Pool(specs, 1, build=build)
    )
    heard = Heard()
    tallies = await generate_into(folder.db, load_study(folder.study), heard)
    return {tally.model: tally for tally in tallies}, heard


async def test_a_server_that_is_away_at_first_is_waited_for_after_the_others(
    folder: Folder, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tallies, heard = await run(folder, asked, monkeypatch, elm=3, fir=2)
    assert {name: tally.made for name, tally in tallies.items()} == dict.fromkeys(
        ("elm", "fir", "oak", "pine"), 3
    )
    assert [model for model, *_ in heard.turns] == ["oak", "pine", "fir", "elm"]
    assert heard.waits_for == [["elm", "fir"], ["elm"]]


async def test_a_server_that_stays_away_is_given_up_and_listed(
    folder: Folder,
    asked: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tallies, heard = await run(folder, asked, monkeypatch, elm=10**6)
    assert asked["elm"] == 1 + RESTS
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["elm: not loaded (backend): refused"]  # not one a try
    assert [failure.cause for failure in tallies["elm"].failures] == 3 * ["backend: elm: refused"]
    assert heard.failures == 3
    assert heard.turns[-1][0] == "elm"
    assert heard.waits_for == [["elm"]]


async def test_a_server_that_comes_back_gives_the_others_their_whole_patience_again(
    folder: Folder, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tallies, _ = await run(folder, asked, monkeypatch, fir=RESTS, elm=2 * RESTS - 1)
    assert [tallies[name].made for name in ("elm", "fir")] == [3, 3]


async def test_nobody_waits_for_a_server_of_which_nothing_is_missing(
    folder: Folder, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(folder, asked, monkeypatch)
    _, heard = await run(folder, asked, monkeypatch, elm=10**6)
    assert (asked["elm"], heard.waits_for) == (1, [])


async def test_nobody_waits_for_a_server_that_refuses_our_key(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.studies.generating.REST_S", 0.001)
    async with serving(answers("401 Unauthorized")) as server:
        head, *models = STUDY.partition("[[models]]")
        far = FAR.format("elm").replace("http://127.0.0.1:1/v1", server.url)
        folder.write("".join([head, far, *models]))
        heard = Heard()
        elm, *others = await generate_into(folder.db, load_study(folder.study), heard)
    told = f"backend: elm: {server.url} does not serve us: HTTP 401: x+; it refuses our key: "
    assert len(elm.failures) == 3
    assert all(re.match(told, failure.cause) for failure in elm.failures)
    assert heard.waits_for == []
    assert [model for model, *_ in heard.turns] == ["elm", "oak", "pine"]
    assert [other.made for other in others] == [3, 3]


async def test_what_a_server_gave_up_on_is_asked_for_once_more_and_never_stored(
    folder: Folder,
) -> None:
    async def gives_questions_up(writer: asyncio.StreamWriter) -> None:
        gives_up = says(event("half"), event(finish="abort"), DONE)
        await (GOOD if is_trial(server.asked[-1]) else gives_up)(writer)

    async with serving(gives_questions_up) as server:
        head, *models = STUDY.partition("[[models]]")
        far = FAR.format("elm").replace("http://127.0.0.1:1/v1", server.url)
        folder.write("".join([head, far, *models]))
        elm, *others = await generate_into(folder.db, load_study(folder.study), Heard())
    told = ["prompt: elm: the server ended it: 'abort'"] * 3
    assert (elm.made, [failure.cause for failure in elm.failures]) == (0, told)
    assert len([ask for ask in server.asked if not is_trial(ask)]) == 6
    assert [other.made for other in others] == [3, 3]
