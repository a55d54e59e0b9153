"""What stands in files: taken when it can be, else refused in a sentence with the file."""

import json
import struct
from pathlib import Path

import pytest

from serving.contents import LARGEST, object_in, shapes_in
from serving.engine import EngineError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 123456789\n"
GOOD = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}


def safetensors(folder: Path, header: object, data: bytes = b"") -> Path:
    said = json.dumps(header).encode()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(said)) + said + data)
    return file


def refused(read: object, file: Path) -> str:
    with pytest.raises(EngineError) as caught:
        read(file)  # type: ignore[operator]
    assert str(file) in caught.value.cause
    return caught.value.cause


def test_shapes_are_read_from_the_header(tmp_path: Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "a": GOOD, "b": GOOD | {"shape": []}}
    file = safetensors(tmp_path, header, b"12345678")
    assert shapes_in(file) == {"a": (2, 1), "b": ()}


@pytest.mark.parametrize("read", [object_in, shapes_in])
def test_a_pointer_of_git_lfs_is_told_as_what_it_is(tmp_path: Path, read: object) -> None:
    (file := tmp_path / "f").write_text(POINTER)
    assert refused(read, file) == (
        f"{file} is a git-lfs pointer, not the file; run `git lfs pull` in its folder"
    )


@pytest.mark.parametrize("read", [object_in, shapes_in])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("none", "is not there; copy it again", id="none"),
        pytest.param(".", "is not there; copy it again", id="folder"),
        pytest.param("x" * 300, "cannot be read (File name too long); make it", id="no look"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, read: object, name: str, told: str) -> None:
    assert told in refused(read, tmp_path / name)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "is cut short: 0 bytes", id="empty"),
        pytest.param(b"\1\2\3", "is cut short: 3 bytes", id="three bytes"),
        pytest.param(b"\x10" + bytes(7) + b"{}", "is cut short: 10 of 24 bytes", id="half"),
        pytest.param(b"<!DOCTYPE html>", "no safetensors file: its header would", id="page"),
        pytest.param(b"\2" + bytes(7) + b"[]", "its header holds [], and no object", id="list"),
        pytest.param(b"\2" + bytes(7) + b"{\xff", "its header is no JSON: 'utf-8'", id="bytes"),
        pytest.param(b"\2" + bytes(7) + b"{}!", "longer than its header says", id="too long"),
    ],
)
def test_a_file_that_is_no_safetensors_is_refused(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (file := tmp_path / "model.safetensors").write_bytes(content)
    assert told in refused(shapes_in, file)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("b", id="text"),
        pytest.param({"shape": [1]}, id="half"),
        pytest.param(GOOD | {"dtype": 4}, id="dtype"),
        pytest.param(GOOD | {"shape": "2"}, id="shape"),
        pytest.param(GOOD | {"shape": ["2"]}, id="shape of text"),
        pytest.param(GOOD | {"shape": [True]}, id="shape of truth"),
        pytest.param(GOOD | {"shape": [-1]}, id="below nothing"),
        pytest.param(GOOD | {"shape": [LARGEST + 1]}, id="beyond measure"),
        pytest.param(GOOD | {"shape": [1] * 9}, id="many dimensions"),
        pytest.param(GOOD | {"data_offsets": 8}, id="offsets"),
        pytest.param(GOOD | {"data_offsets": [0]}, id="one offset"),
        pytest.param(GOOD | {"data_offsets": [8, 0]}, id="backwards"),
        pytest.param(GOOD | {"data_offsets": [0, "8"]}, id="offset of text"),
    ],
)
def test_an_entry_that_describes_no_tensor_is_refused(tmp_path: Path, entry: object) -> None:
    file = safetensors(tmp_path, {"a": entry}, b"12345678")
    assert 'its header says {"a": ' in refused(shapes_in, file)


def test_weights_that_are_cut_short_are_told_with_their_bytes(tmp_path: Path) -> None:
    file = safetensors(tmp_path, {"a": GOOD}, b"1234567")
    whole = file.stat().st_size + 1
    assert f"is cut short: {whole - 1} of {whole} bytes" in refused(shapes_in, file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"{", "is no JSON: Expecting", id="cut"),
        pytest.param(b'{"a": "\xff"}', "is no JSON: 'utf-8' codec", id="bytes"),
        pytest.param(b"[]", "holds [], and no object", id="list"),
        pytest.param(b'"' + b"a" * 99 + b'"', f'holds "{"a" * 76}..., and', id="long text"),
        pytest.param(b"[" * 10**5, "is no JSON: maximum recursion depth", id="deep"),
        pytest.param(b"4" * 5000, "is no JSON: Exceeds the limit", id="digits"),
    ],
)
def test_a_file_that_holds_no_object_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (file := tmp_path / "config.json").write_bytes(content)
    assert told in refused(object_in, file)


def test_a_file_too_large_for_json_is_not_read(tmp_path: Path) -> None:
    with (file := tmp_path / "config.json").open("wb") as stream:
        stream.truncate(2**40)  # a hole, which takes no room
    assert "is no JSON: it has 1,099,511,627,776 bytes" in refused(object_in, file)
