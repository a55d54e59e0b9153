"""Where files lie: a folder that is named, or the hub's cache in a revision."""

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.engine import EngineError
from serving.folders import adapter_folder, checkpoint_folder
from serving.spec import ModelSpec


@pytest.fixture
def oak(tmp_path: Path) -> Path:
    """Return a folder that may be a checkpoint or an adapter."""
    folder = tmp_path / "oak"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def checkpoint(named: str, revision: str | None = None) -> Path | None:
    return checkpoint_folder(ModelSpec(name="m", checkpoint=named, revision=revision))


def adapter(named: str, revision: str | None = None) -> Path | None:
    spec = ModelSpec(name="m", checkpoint="any", adapter=named, adapter_revision=revision)
    return adapter_folder(spec)


FIELDS = {"checkpoint": "revision", "adapter": "adapter_revision"}
Find = Callable[..., Path | None]
EACH = pytest.mark.parametrize(
    ("find", "what"), [(checkpoint, "checkpoint"), (adapter, "adapter")], ids=["base", "adapter"]
)


@EACH
def test_a_folder_is_taken_as_it_is(find: Find, what: str, oak: Path) -> None:
    assert find(str(oak)) == oak, what


@EACH
def test_a_name_is_looked_up_in_the_hubs_cache(
    find: Find, what: str, oak: Path, put_on_hub: Callable[..., str]
) -> None:
    commit = put_on_hub("lab/oak", oak)
    found = find("lab/oak")
    assert found is not None, what
    assert found.name == commit
    assert (found / "config.json").read_text() == "{}"


@EACH
def test_a_revision_is_a_branch_or_a_commit(
    find: Find, what: str, oak: Path, tmp_path: Path, put_on_hub: Callable[..., str]
) -> None:
    (elder := tmp_path / "elder").mkdir()
    first, second = put_on_hub("lab/oak", elder, "v1"), put_on_hub("lab/oak", oak)
    found = [find("lab/oak", revision) for revision in (None, "main", "v1", first, second)]
    assert [one and one.name for one in found] == [second, second, first, first, second], what


@EACH
def test_a_name_that_is_nowhere_is_told_with_the_way_out(
    find: Find, what: str, put_on_hub: Callable[..., str], oak: Path
) -> None:
    put_on_hub("lab/oak", oak)
    with pytest.raises(EngineError) as refused:
        find("lab/elm")
    assert refused.value.cause == (
        f"m: {what} lab/elm is neither a folder nor in the hub's cache; "
        "download it first (hf download lab/elm), or give the path of a folder"
    )
    with pytest.raises(EngineError) as refused:
        find("lab/oak", "v9")
    assert refused.value.cause == (
        f"m: {what} lab/oak is not in the hub's cache with {FIELDS[what]} v9; download it first "
        f"(hf download lab/oak --revision v9), or remove {FIELDS[what]} if a folder is meant"
    )


@EACH
@pytest.mark.parametrize("named", ["/nowhere/oak", "./oak", "~nobody-of-that-name/oak"])
def test_a_path_is_never_looked_up_on_the_hub(find: Find, what: str, named: str) -> None:
    with pytest.raises(
        EngineError, match=f"m: there is no {what} folder {named}; correct the path"
    ):
        find(named)


@EACH
def test_a_path_that_cannot_be_looked_at_is_told(find: Find, what: str) -> None:
    with pytest.raises(EngineError, match=rf"{what} folder /x+ cannot be read \(File name too lon"):
        find("/" + "x" * 300)
    with pytest.raises(EngineError, match=f"{what} x+ is neither a folder nor in the hub's cache"):
        find("x" * 300)


@EACH
def test_a_folder_that_nobody_may_look_into_is_told(find: Find, what: str, tmp_path: Path) -> None:
    # To root every folder is open; but in one of the longest path that can be, no file can be.
    folder = tmp_path
    while (left := 4090 - len(str(folder))) > 1:
        folder /= "x" * min(left - 1, 200)
    folder.mkdir(parents=True)
    with pytest.raises(EngineError, match=f"{what} folder {tmp_path}.* cannot be read"):
        find(str(folder))


@EACH
def test_a_revision_means_the_hub_also_where_a_folder_has_the_name(
    find: Find,
    what: str,
    oak: Path,
    put_on_hub: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = put_on_hub("lab/oak", oak)
    (oak.parent / "lab" / "oak").mkdir(parents=True)
    monkeypatch.chdir(oak.parent)
    assert find("lab/oak") == Path("lab/oak")
    found = find("lab/oak", commit)
    assert found is not None, what
    assert found.name == commit


@EACH
def test_a_path_with_a_revision_is_refused_as_nothing_pins_a_folder(
    find: Find, what: str, oak: Path
) -> None:
    with pytest.raises(EngineError) as refused:
        find(str(oak), "v1")
    assert refused.value.cause == (
        f"m: {FIELDS[what]} v1 pins a name on the hub, and {what} {oak} is a folder; "
        f"remove {FIELDS[what]}: a folder is what lies in it"
    )


def test_code_of_the_hub_is_run_only_of_a_commit(oak: Path, put_on_hub: Callable[..., str]) -> None:
    commit = put_on_hub("lab/oak", oak)
    trusted = ModelSpec(name="m", checkpoint="lab/oak", trust_remote_code=True)
    with pytest.raises(EngineError) as refused:
        checkpoint_folder(trusted)
    assert refused.value.cause == (
        "m: trust_remote_code runs the code of checkpoint lab/oak, which is no folder here; "
        "pin it with revision, a commit of 40 hex digits, or leave trust_remote_code off"
    )
    pinned = trusted.model_copy(update={"revision": commit})
    assert checkpoint_folder(pinned).name == commit
    beside = trusted.model_copy(update={"checkpoint": str(oak)})
    assert checkpoint_folder(beside) == oak


@pytest.mark.parametrize(
    ("beside", "cause"),
    [
        pytest.param(
            ["config.json", "model.safetensors"],
            "a model and an adapter (adapter_config.json); move one into a folder of its own",
            id="beside a model",
        ),
        pytest.param(
            ["adapter_model.safetensors"],
            "an adapter (adapter_config.json) and no model; set checkpoint to the model it is for",
            id="alone",
        ),
    ],
)
def test_an_adapter_is_no_checkpoint_nor_a_part_of_one(
    tmp_path: Path, beside: list[str], cause: str
) -> None:
    for file in [*beside, "adapter_config.json"]:
        (tmp_path / file).write_text("{}")
    with pytest.raises(EngineError) as refused:
        checkpoint(str(tmp_path))
    way_out = "and to serve the adapter set adapter to its folder"
    assert refused.value.cause == f"m: checkpoint {tmp_path} holds {cause}, {way_out}"
    assert adapter(str(tmp_path)) == tmp_path


def test_a_model_without_an_adapter_has_no_folder_of_one() -> None:
    assert adapter_folder(ModelSpec(name="m", checkpoint="any")) is None
