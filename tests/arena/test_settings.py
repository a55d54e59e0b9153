"""Settings: a file is taken as a whole, or refused with file, line, field and way out."""

import tomllib
from pathlib import Path

import pytest

from arena.errors import ConfigError
from arena.settings import load_settings

GOOD = """\
[arena]
title = "Tiny"
questions = "bank.jsonl"

[limits]
prompt_characters = 400

[[models]]
name = "pine"
checkpoint = "pine"
quantization = "nf4"

[[models]]
name = "oak"
kind = "scripted"
responses = ["No."]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pine").mkdir()
    (tmp_path / "bank.jsonl").touch()
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "lab.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_meant_from_the_files_folder(folder: Path) -> None:
    settings = load_settings(written(folder, GOOD))
    assert settings.models[0].checkpoint == str(folder / "pine")
    assert settings.arena.questions == folder / "bank.jsonl"
    assert settings.limits.prompt_characters == 400


def test_a_name_on_the_hub_stays_a_name(folder: Path) -> None:
    settings = load_settings(written(folder, GOOD.replace('"pine"\nquant', '"lab/pine"\nquant')))
    assert settings.models[0].checkpoint == "lab/pine"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param("title", "titel", "line 2, arena.titel: unknown key", id="unknown key"),
        pytest.param("= 400", "= 0", "line 6, limits.prompt_characters: ", id="too small"),
        pytest.param('"nf4"', '"nf5"', "line 11, models[0].quantization: ", id="unknown value"),
        pytest.param('name = "oak"', "", "models[1].name: this key is missing. Add it", id="gap"),
        pytest.param('"oak"', '"pine"', "line 14, models[1].name: 'pine' stands twice", id="twice"),
        pytest.param('= "pine"\nqu', '= "./gone"\nqu', "line 10, models[0].checkpoint", id="gone"),
        pytest.param("[limits]", "[pool]\nprocesses = 3\n[limits]", "6, pool.processes: ", id="3"),
        pytest.param("[limits]", "[limitz]", "line 5, limitz: unknown key", id="unknown table"),
        pytest.param("[arena]", "[arena", "not valid TOML: ", id="broken TOML"),
        pytest.param("[arena]", f"x = {'[' * 5000}\n[arena]", ": too many brackets", id="nested"),
        pytest.param("[limits]", "[pool]\ncache = 5\n[limits]", "5 should be a text", id="path"),
        pytest.param("= 400", f"= {'4' * 5000}", "not valid TOML: Exceeds", id="digits"),
        pytest.param(
            "= 400",
            '= "many"',
            'line 6, limits.prompt_characters: "many" should be a valid integer. Correct it.',
            id="wrong type",
        ),
        pytest.param(
            "[limits]",
            "[pool]\nmemory_gib = 0\n[limits]",
            "line 6, pool.memory_gib: 0 should be greater than 0. Correct it.",
            id="no memory",
        ),
        pytest.param(
            "[limits]",
            '[pool]\nmemory_gib = { cpu = 1, "cuda:0" = 0 }\n[limits]',
            "line 6, pool.memory_gib.cuda:0: 0 should be greater than 0. Correct it.",
            id="no memory of a card",
        ),
        pytest.param(
            'responses = ["No."]',
            'responses = ["No."]\nstop = "x"',
            'line 17, models[1].stop: "x" should be a list. Write ["x"].',
            id="no list",
        ),
        pytest.param(
            'responses = ["No."]',
            "context_tokens = 400\noutput_tokens = 512",
            "line 17, models[1].output_tokens: oak: output_tokens 512 leave no room for a prompt "
            "in context_tokens 400; lower them, or raise context_tokens.",
            id="no room",
        ),
        pytest.param(
            'kind = "scripted"',
            'kind = "remote"\nurl = "ftp://x"',
            "line 16, models[1].url: oak: url 'ftp://x' begins with neither",
            id="no address",
        ),
        pytest.param(
            'kind = "scripted"',
            'kind = "local"',
            "line 13, models[1].checkpoint: oak: a local model needs checkpoint; add it.",
            id="no checkpoint",
        ),
        pytest.param(
            'kind = "scripted"',
            'kind = "scripted"\nadapter = "x"',
            "line 16, models[1].adapter: oak: a scripted model has no checkpoint and no adapter; "
            "remove it.",
            id="an adapter on nothing",
        ),
        pytest.param(
            '"nf4"',
            '"nf4"\nchat_template = "gone.jinja"',
            "line 12, models[0].chat_template: there is no file ",
            id="no template",
        ),
        pytest.param(
            "[limits]",
            "[pace]\nstart_s = 9\ndeadline_s = 5\n[limits]",
            "line 6, pace.start_s: 9 is not before deadline_s 5, so no response would ever be "
            "shown; lower it, or raise deadline_s.",
            id="a start after the end",
        ),
        pytest.param(
            'title = "Tiny"',
            'db = ""',
            'line 2, arena.db: this names no file; write "arena.db".',
            id="no database",
        ),
        pytest.param(
            "bank.jsonl",
            "gone.jsonl",
            "line 3, arena.questions: there is no file ",
            id="no bank",
        ),
        pytest.param(
            'title = "Tiny"',
            'public_url = "foo"',
            "line 2, arena.public_url: 'foo' is not the address of a site; write it without a "
            "path, as https://arena.example.org.",
            id="no site",
        ),
        pytest.param(
            'title = "Tiny"',
            'public_url = "https://x.org/arena"',
            "arena.public_url: 'https://x.org/arena' is not the address of a site",
            id="a page of a site",
        ),
        pytest.param(
            'kind = "scripted"',
            'kind = "scripted"\ndevice = "gpu"',
            "line 16, models[1].device: 'gpu' is no device; write auto, cpu, cuda, cuda:0 or "
            "cuda:0+cuda:1.",
            id="no device",
        ),
        pytest.param(
            '"oak"',
            '" oak "',
            "line 14, models[1].name: ' oak ' is no name; write one line, with no space at its "
            "ends.",
            id="spaces",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Path, old: str, new: str, told: str) -> None:
    path = written(folder, GOOD.replace(old, new))
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    assert str(refusal.value).startswith(str(path))
    assert told in str(refusal.value)


SAID = "Say it.\n" * 30
LONG = "".join(
    f'[[models]]\nname = "{number}"\nkind = "scripted"\nsystem_prompt = """\n{SAID}"""\n'
    for number in range(10)
)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many characters TOML was asked to read, one number a call."""
    sizes: list[int] = []
    loads = tomllib.loads

    def counting(text: str) -> dict[str, object]:
        sizes.append(len(text))
        return loads(text)

    monkeypatch.setattr(tomllib, "loads", counting)
    return sizes


def test_a_file_without_a_mistake_is_parsed_once(folder: Path, read: list[int]) -> None:
    load_settings(written(folder, LONG + "[pool]\nmemory_gib = 1\n"))
    assert len(read) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LONG.replace("kind", "kin"), id="many"),
        pytest.param(LONG.replace('"9"', '"8"'), id="twice"),
    ],
)
def test_mistakes_are_found_in_few_readings(folder: Path, read: list[int], text: str) -> None:
    with pytest.raises(ConfigError):
        load_settings(written(folder, text))
    assert sum(read) <= 3 * len(text)


MANY = 10**400  # TOML has no largest integer


@pytest.mark.parametrize("number", ["inf", "nan", "1e+300", str(MANY)])
@pytest.mark.parametrize(
    "place",
    [
        "limits.prompt_characters",
        "limits.turns",
        "limits.battles_per_minute",
        "pace.characters_per_second",
        "pace.tick_s",
        "pace.start_s",
        "pace.deadline_s",
        "pool.memory_gib",
        "pool.memory_gib.cpu",
        "models[1].first_token_s",
        "models[1].context_tokens",
        "models[1].output_tokens",
        "models[1].batch",
        "models[1].sampling.temperature",
        "models[1].sampling.top_p",
        "models[1].sampling.top_k",
        "models[1].behaviour.first_chunk_s",
        "models[1].behaviour.chunk_s",
    ],
)
def test_a_number_without_measure_is_refused(folder: Path, place: str, number: str) -> None:
    key = place.removeprefix("models[1].")
    text = GOOD.replace("[limits]\nprompt_characters = 400\n", "")
    text = f"{text}{key} = {number}\n" if key != place else f"{key} = {number}\n{text}"
    path = written(folder, text)
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    line = 1 + text.splitlines().index(f"{key} = {number}")
    assert str(refusal.value).startswith(f"{path}, line {line}, {place}: {number[:4]}")
    assert str(refusal.value).endswith(" Correct it.")


def test_one_model_is_no_arena(folder: Path) -> None:
    one = GOOD[: GOOD.index('[[models]]\nname = "oak"')]
    with pytest.raises(ConfigError, match="one model is described, and a battle needs two"):
        load_settings(written(folder, one))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://10.0.0.1:7860", "http://10.0.0.1:7860"),
        ("https://arena.example.org/", "https://arena.example.org"),
        ("HTTPS://Arena.Example.org:443", "https://arena.example.org"),
        ("http://arena.example.org:443", "http://arena.example.org:443"),
        ("https://arena.example.org:/", "https://arena.example.org"),
        ("https://arena.example.org:08443", "https://arena.example.org:8443"),
        ("http://[0:0:0:0:0:0:0:1]:7860", "http://[::1]:7860"),
        ("https://实验室.example", "https://xn--qbtm5249b.example"),
    ],
)
def test_addresses_of_sites_are_taken_as_browsers_tell_them(
    folder: Path, url: str, told: str
) -> None:
    path = written(folder, GOOD.replace("[arena]", f'[arena]\npublic_url = "{url}"'))
    assert load_settings(path).arena.public_url == told


def test_models_that_are_no_tables_are_told_how_to_write_them(folder: Path) -> None:
    path = written(folder, 'models = "a"\n')
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    said = 'line 1, models: "a" should be a list. Write a [[models]] table for each.'
    assert str(refusal.value) == f"{path}, {said}"


def test_a_tilde_is_the_home_of_who_runs_this(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    text = GOOD.replace('questions = "', 'db = "~/lab.db"\nquestions = "~/')
    text = text.replace('checkpoint = "pine"', 'checkpoint = "~/pine"')
    settings = load_settings(written(folder, text + '[pool]\ncache = "~/kept"\n'))
    assert settings.arena.db == folder / "lab.db"
    assert settings.arena.questions == folder / "bank.jsonl"
    assert settings.models[0].checkpoint == str(folder / "pine")
    assert settings.models[0].cache == str(folder / "kept")
    path = written(folder, text.replace("~/pine", "~/gone"))
    with pytest.raises(ConfigError, match=rf"checkpoint: there is no folder {folder}/gone\."):
        load_settings(path)


@pytest.mark.parametrize("field", ["checkpoint", "adapter", "chat_template"])
def test_a_path_that_cannot_be_looked_at_is_left_to_who_reads_it(folder: Path, field: str) -> None:
    path = f"/{'x' * 300}.jinja"
    said = f'{field} = "{path}"'
    if field != "checkpoint":
        said += '\ncheckpoint = "pine"'
    text = GOOD.replace('checkpoint = "pine"', said)
    assert getattr(load_settings(written(folder, text)).models[0], field) == path


def test_a_value_that_cannot_be_is_one_mistake(folder: Path) -> None:
    path = written(folder, GOOD.replace("[limits]", '[pool]\nmemory_gib = "big"\n[limits]'))
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    said = '"big" should be a valid number. Correct it.'
    assert str(refusal.value) == f"{path}, line 6, pool.memory_gib: {said}"


def test_every_mistake_is_told_at_once(folder: Path) -> None:
    path = written(folder, GOOD.replace("title", "titel").replace('"nf4"', '"nf5"'))
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    assert len(str(refusal.value).splitlines()) == 2


def test_dots_in_paths_and_values_are_told_as_they_stand(folder: Path) -> None:
    text = GOOD.replace('["No."]', '"../x/../y"').replace('"nf4"', f'"{"." * 80}"')
    written(folder, text)
    path = folder / "pine" / ".." / "lab.toml"
    with pytest.raises(ConfigError) as refusal:
        load_settings(path)
    quantization, responses = str(refusal.value).splitlines()
    assert quantization.startswith(f"{path}, line 11, models[0].quantization: ")
    assert responses == (
        f'{path}, line 16, models[1].responses: "../x/../y" should be a list. Write ["../x/../y"].'
    )


def test_memory_is_one_number_or_a_table_and_unset_it_is_measured(folder: Path) -> None:
    assert load_settings(written(folder, GOOD)).pool.rooms()["cpu"] == 4 * 2**30
    table = GOOD.replace("[limits]", "[pool]\nmemory_gib = { cpu = 1.5 }\n\n[limits]")
    assert load_settings(written(folder, table)).pool.rooms()["cpu"] == 3 * 2**29


def test_a_device_that_is_not_there_is_told_with_its_place(folder: Path) -> None:
    table = GOOD.replace("[limits]", '[pool]\nmemory_gib = { "cuda:99" = 1 }\n\n[limits]')
    path = written(folder, table)
    with pytest.raises(ConfigError) as refusal:
        load_settings(path).pool.rooms()
    told = f"{path}, line 6, pool.memory_gib: there is no cuda:99 here; this machine has"
    assert str(refusal.value).startswith(told)
    assert str(refusal.value).endswith("Name one that is there, or leave memory_gib out.")


def test_quantized_weights_are_kept_in_one_folder_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    settings = load_settings(written(folder, GOOD))
    assert {model.cache for model in settings.models} == {"/caches/evenhand/quantized"}
    named = GOOD.replace("[limits]", '[pool]\ncache = "kept"\n\n[limits]')
    assert load_settings(written(folder, named)).models[0].cache == str(folder / "kept")
