"""A roster's entry: what is inferred, what is refused, what makes two models the same."""

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.spec import ModelSpec, Quantization


def test_an_entry_of_a_toml_roster_is_read() -> None:
    entry = tomllib.loads("""
        name = "small nf4"
        checkpoint = "models/small"
        quantization = "nf4"
        sampling = {temperature = 0.2}
        stop = ["User:"]
    """)
    spec = ModelSpec(**entry)
    assert (spec.kind, spec.quantization) == ("local", Quantization.NF4)
    assert (spec.sampling.temperature, spec.stop) == (0.2, ("User:",))


def test_an_address_makes_a_model_remote() -> None:
    assert ModelSpec(name="m", url="http://127.0.0.1:1/v1", remote_name="x").kind == "remote"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({}, "needs checkpoint", id="local without checkpoint"),
        pytest.param({"url": "http://h/v1"}, "needs remote_name", id="remote without name"),
        pytest.param({"kind": "remote", "remote_name": "x"}, "needs url", id="remote without url"),
        pytest.param(
            {"url": "http://h", "remote_name": "x", "checkpoint": "c"},
            "has no checkpoint",
            id="remote with checkpoint",
        ),
        pytest.param(
            {"checkpoint": "c", "trust_remote_code": True, "revision": "main"},
            "revision main may be moved to another; set it to a commit, all 40 hex digits",
            id="code of a branch",
        ),
        pytest.param(
            {"checkpoint": "c", "trust_remote_code": True, "revision": "abc1234"},
            "revision abc1234 may be moved",
            id="code of half a commit",
        ),
        pytest.param(
            {"checkpoint": "c", "adapter_revision": "v2"},
            "adapter_revision pins an adapter; add adapter",
            id="revision of no adapter",
        ),
        pytest.param(
            {"checkpoint": "c", "context_tokens": 64, "output_tokens": 64},
            "leave no room",
            id="no room for a prompt",
        ),
        pytest.param({"checkpoint": "c", "quantisation": "nf4"}, "quantisation", id="typing error"),
        pytest.param({"checkpoint": "c", "quantization": "int4"}, "int8", id="unknown width"),
        pytest.param({"checkpoint": "c", "stop": [""]}, "stop", id="empty stop string"),
        pytest.param({"checkpoint": "c", "sampling": {"top_p": 0}}, "top_p", id="nothing kept"),
        pytest.param({"checkpoint": "c", "name": " m"}, "name", id="name with outer space"),
    ],
)
def test_refuses(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSpec.model_validate({"name": "m", **fields})


def test_a_commit_may_run_its_code() -> None:
    spec = ModelSpec(name="m", checkpoint="hub/m", trust_remote_code=True, revision="0f" * 20)
    assert spec.trust_remote_code


def test_fingerprint_follows_what_shapes_a_response() -> None:
    spec = ModelSpec(name="m", checkpoint="c")
    beside = {"name": "other", "device": "cpu", "batch": 2, "first_token_s": 600.0}
    renamed = spec.model_copy(update=beside)
    assert renamed.fingerprint() == spec.fingerprint()
    for change in (
        {"quantization": Quantization.INT8},
        {"output_tokens": 9},
        {"revision": "r"},
        {"adapter_revision": "r"},
    ):
        assert spec.model_copy(update=change).fingerprint() != spec.fingerprint()


@pytest.mark.parametrize(
    ("fields", "before"),
    [
        ({"checkpoint": "c"}, "ccda5bdd7ea66e3a"),
        ({"checkpoint": "c", "adapter": "a"}, "009267e199948a05"),
        ({"url": "http://h/v1", "remote_name": "x"}, "51d2e1c46addf616"),
    ],
)
def test_a_stored_model_stays_the_one_it_is(fields: dict[str, str], before: str) -> None:
    """Databases know a model by this; a field that is not set counts for nothing."""
    assert ModelSpec.model_validate({"name": "m", **fields}).fingerprint() == before


def test_paths_are_found_beside_the_roster(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    spec = ModelSpec(name="m", checkpoint="weights", chat_template="{{ messages }}")
    located = spec.located(tmp_path)
    assert located.checkpoint == str(tmp_path / "weights")
    assert located.chat_template == "{{ messages }}"


def test_a_name_on_the_hub_stays_as_it_is(tmp_path: Path) -> None:
    spec = ModelSpec(name="m", checkpoint="owner/model")
    assert spec.located(tmp_path) is spec


def test_a_name_with_a_revision_stays_as_it_is_where_a_folder_has_it(tmp_path: Path) -> None:
    (tmp_path / "lab" / "oak").mkdir(parents=True)
    fields = {"checkpoint": "lab/oak", "adapter": "lab/oak"}
    pins = {"revision": "v1", "adapter_revision": "v1"}
    here = str(tmp_path / "lab" / "oak")
    for pinned, expected in ((pins, ("lab/oak", "lab/oak")), ({}, (here, here))):
        spec = ModelSpec.model_validate({"name": "m", **fields, **pinned}).located(tmp_path)
        assert (spec.checkpoint, spec.adapter) == expected


@pytest.mark.parametrize("url", ["127.0.0.1:9", "ftp://h/v1", "http://"])
def test_an_address_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="begins with neither http:// nor https://; write it as"):
        ModelSpec(name="m", url=url, remote_name="x")


@pytest.mark.parametrize("url", ["http://h:99999/v1", "http://[::1/v1", "http://h:port/v1"])
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"m: url .* is no address \(.*\); write it as"):
        ModelSpec(name="m", url=url, remote_name="x")


def test_a_tilde_is_the_home_of_who_runs_this(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    fields = {"checkpoint": "~/oak", "adapter": "~/law", "cache": "~/kept"}
    spec = ModelSpec.model_validate({"name": "m", "chat_template": "~/own.jinja", **fields})
    assert (spec.checkpoint, spec.adapter) == ("/home/ada/oak", "/home/ada/law")
    assert (spec.cache, spec.chat_template) == ("/home/ada/kept", "/home/ada/own.jinja")
    text = "~ {{ messages }}"
    other = ModelSpec(name="m", checkpoint="lab/oak~1", chat_template=text)
    assert (other.checkpoint, other.chat_template) == ("lab/oak~1", text)
