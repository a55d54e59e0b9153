"""Whether a model is still the one it was: what its entry says, and the files behind it.

Ratings go by name, and a folder keeps its name when its files change. So the record keeps a hash of
them: of every byte where responses are kept for good, of a sample where a server is about to open.
A model behind a server has no files here, and no hash. Loads nothing; knows no database.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from serving.contents import spans_in
from serving.engine import EngineError
from serving.folders import adapter_folder, checkpoint_folder
from serving.spec import BESIDE, ModelSpec

READ: Final = frozenset({".jinja", ".json", ".model", ".py", ".safetensors", ".txt"})
TEMPLATE: Final = ".jinja"
WEIGHTS: Final = ".safetensors"
PIECE: Final = 4096  # bytes of each tensor in a sample: training and merging change them all
FILES: Final = "files"  # where the record keeps the sample, beside the fields of an entry
PLACES: Final = ("checkpoint", "adapter", "chat_template")  # the hash tells what lies there
_BLANK: Final[Mapping[str, Any]] = ModelSpec(name="blank", kind="scripted").model_dump(mode="json")


def entry_of(spec: ModelSpec) -> dict[str, Any]:
    """Return a model as the record keeps it, by a sample of its files if they can be read."""
    try:
        files = checkpoint_sample(spec)
    except (EngineError, OSError):  # it will not respond; who serves it tells why
        files = ""
    return {
        "name": spec.name,
        "fingerprint": spec.fingerprint(files),
        "quantization": spec.quantization,
        "spec": {**spec.model_dump(mode="json"), FILES: files},
    }


def checkpoint_hash(spec: ModelSpec) -> str:
    """Return the SHA-256 of weights, tokenizer, adapter and template; empty where none are here.

    Raises
    ------
    EngineError
        If the checkpoint is not there.
    OSError
        If one of its files cannot be read.
    """
    return _digest(spec, _whole)


def checkpoint_sample(spec: ModelSpec) -> str:
    """Return the same of a piece of every tensor; what shapes a response beside them counts whole.

    Raises
    ------
    EngineError
        If the checkpoint is not there, or its weights are not as long as they say.
    OSError
        If one of its files cannot be read.
    """
    return _digest(spec, _sampled)


def changes(spec: ModelSpec, files: str, then: Mapping[str, Any], files_then: str) -> list[str]:
    """Return what is not as it was: fields of the entry, or the files.

    Parameters
    ----------
    spec, files
        The model, and a hash of its files.
    then, files_then
        Its entry as the record keeps it, and the hash of that time.
    """
    now, then = spec.model_dump(mode="json"), {**_BLANK, **then}
    fields = [field for field in now if field not in BESIDE and now[field] != then.get(field)]
    if files != files_then:
        return [*fields, "the files of the checkpoint"]
    if files:
        fields = [field for field in fields if not _only_moved(field, now[field], then[field])]
    return fields


def _only_moved(field: str, now: str | None, then: str | None) -> bool:
    if field not in PLACES or now is None or then is None:
        return False
    return field != "chat_template" or (now.endswith(TEMPLATE) and then.endswith(TEMPLATE))


def _digest(spec: ModelSpec, content: Callable[[Path], str]) -> str:
    if spec.kind != "local":
        return ""
    digest = hashlib.sha256()
    for file in _files(spec):
        digest.update(f"{file.name} {content(file)}\n".encode())
    return digest.hexdigest()


def _files(spec: ModelSpec) -> Iterator[Path]:
    for folder in filter(None, (checkpoint_folder(spec), adapter_folder(spec))):
        yield from sorted(path for path in folder.iterdir() if path.suffix in READ)
    if spec.chat_template is not None and spec.chat_template.endswith(TEMPLATE):
        yield Path(spec.chat_template)


def _whole(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sampled(file: Path) -> str:
    if file.suffix != WEIGHTS:
        return _whole(file)
    spans = spans_in(file)
    digest = hashlib.sha256(repr(spans).encode())
    with file.open("rb", buffering=0) as stream:  # what is read ahead would be most of it
        for begin, end in spans.values():
            stream.seek((begin + end) // 2)
            digest.update(stream.read(min(PIECE, end - stream.tell())))
    return digest.hexdigest()
