"""A study's file: taken as a whole, or refused with file, line, field and way out."""

import re
from pathlib import Path

import pytest

from arena.errors import ArenaError, ConfigError
from arena.studies.study_file import load_study
from tests.arena.studies.conftest import STUDY, Folder

ROSTER = STUDY[STUDY.index("[[models]]") :]
HEAD = STUDY[: STUDY.index("[[models]]")]


def test_a_file_says_what_is_asked_of_whom(folder: Folder) -> None:
    study = load_study(folder.change("seed = 5", 'seed = 5\ndb = "here.db"'))
    assert (study.name, study.languages, study.seed) == ("survey", ("en",), 5)
    assert [question.id for question in study.bank] == ["ice", "bat", "sum"]
    assert [model.name for model in study.models] == ["oak", "pine"]
    assert study.db == folder.path / "here.db"
    assert len(study) == 3


def test_every_language_is_asked_unless_some_are_named(folder: Folder) -> None:
    study = load_study(folder.change('languages = ["en"]\n', ""))
    assert study.languages == ("en", "zh")
    assert len(study) == 6


def test_the_models_may_stand_in_a_roster_with_its_pool(folder: Folder) -> None:
    (folder.path / "lab.toml").write_text("[pool]\nmemory_gib = 9.0\n" + ROSTER, encoding="utf-8")
    study = load_study(folder.write(HEAD + 'roster = "lab.toml"\n'))
    assert [model.name for model in study.models] == ["oak", "pine"]
    assert study.pool.memory_gib == 9.0


def test_a_pool_of_the_study_comes_before_that_of_the_roster(folder: Folder) -> None:
    (folder.path / "lab.toml").write_text("[pool]\nmemory_gib = 9.0\n" + ROSTER, encoding="utf-8")
    text = HEAD + 'roster = "lab.toml"\n[pool]\nmemory_gib = 2.0\n'
    assert load_study(folder.write(text)).pool.memory_gib == 2.0


def test_a_study_saved_on_windows_is_read_and_its_paths_may_begin_at_home(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder.path))
    study = load_study(folder.write("\ufeff" + STUDY.replace("bank.jsonl", "~/bank.jsonl")))
    assert len(study.bank) == len(load_study(folder.write(STUDY)).bank)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param("seed", "sed", "line 5, study.sed: unknown key. Remove it", id="unknown key"),
        pytest.param(
            'name = "survey"', "", "study.name: this key is missing. Add it", id="no name"
        ),
        pytest.param('["en"]', "[]", "line 4, study.languages", id="no language"),
        pytest.param('["en"]', '["fr"]', "line 4, study.languages[0]", id="unknown language"),
        pytest.param("= 5", "= -1", "line 5, study.seed", id="no seed"),
        pytest.param("seed = 5", "db = ''", "line 5, study.db: this names no file", id="no db"),
        pytest.param("seed = 5", "deadline_s = inf", "study.deadline_s: inf should", id="for ever"),
        pytest.param('"pine"', '"oak"', "models[1].name: 'oak' stands twice", id="a name twice"),
        pytest.param(
            "bank.jsonl", "gone.jsonl", "line 3, study.questions: there is no file ", id="no bank"
        ),
        pytest.param("seed", 'roster = "x.toml"\nseed', "line 5, study.roster", id="two rosters"),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Folder, old: str, new: str, told: str) -> None:
    with pytest.raises(ArenaError) as refusal:
        load_study(folder.change(old, new))
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("questions", STUDY.replace("bank.jsonl", "gone.file")),
        ("roster", HEAD + 'roster = "gone.file"\n'),
    ],
)
def test_a_file_that_it_names_and_that_is_not_there_is_told(
    folder: Folder, field: str, text: str
) -> None:
    path = folder.write(text)
    line = 1 + next(n for n, said in enumerate(text.splitlines()) if said.startswith(field))
    with pytest.raises(ConfigError) as refusal:
        load_study(path)
    assert str(refusal.value) == (
        f"{path}, line {line}, study.{field}: there is no file {folder.path / 'gone.file'}. "
        f"Correct the path; it is meant from {folder.path}."
    )


def test_a_device_that_is_not_there_is_told_with_the_place_in_the_study(folder: Folder) -> None:
    path = folder.write(STUDY + '[pool]\nmemory_gib = { "cuda:99" = 1 }\n')
    line = len(STUDY.splitlines()) + 2
    with pytest.raises(ConfigError, match=f"{path}, line {line}, pool.memory_gib: there is no"):
        load_study(path).pool.rooms()


def test_quantized_weights_are_kept_where_the_study_says(folder: Folder) -> None:
    study = load_study(folder.write(STUDY + '[pool]\ncache = "kept"\n'))
    assert {model.cache for model in study.models} == {str(folder.path / "kept")}


def test_the_cache_of_the_study_comes_before_that_of_the_roster(folder: Folder) -> None:
    own = ROSTER.replace('name = "pine"', 'name = "pine"\ncache = "/own"')
    (folder.path / "lab.toml").write_text('[pool]\ncache = "theirs"\n' + own, encoding="utf-8")
    head = HEAD + 'roster = "lab.toml"\n'
    for pool, kept in (("", "theirs"), ('[pool]\ncache = "ours"\n', "ours")):
        oak, pine = load_study(folder.write(head + pool)).models
        assert (oak.cache, pine.cache) == (str(folder.path / kept), "/own")


def test_a_language_that_we_do_not_have_is_one_mistake(folder: Folder) -> None:
    text = re.sub(r"languages = .*", 'languages = ["fr"]', STUDY)
    with pytest.raises(ConfigError) as refusal:
        load_study(folder.write(text))
    (line,) = str(refusal.value).splitlines()
    assert "study.languages[0]: \"fr\" should be 'en' or 'zh'. Correct it." in line


def test_one_model_is_no_study(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="one model is described"):
        load_study(folder.write(STUDY[: STUDY.rindex("[[models]]")]))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        load_study(tmp_path / "gone.toml")
