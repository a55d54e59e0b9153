"""Which files made a response, as a hash: a folder keeps its name when its files change.

Reads files and loads nothing. A model behind a server has no files here, and no hash.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from serving.folders import adapter_folder, checkpoint_folder
from serving.spec import ModelSpec

READ: Final = frozenset({".jinja", ".json", ".model", ".safetensors", ".txt"})
TEMPLATE: Final = ".jinja"


def checkpoint_hash(spec: ModelSpec) -> str:
    """Return the SHA-256 of weights, tokenizer, adapter and template; empty where none are here.

    Raises
    ------
    EngineError
        If the checkpoint is not there.
    OSError
        If one of its files cannot be read.
    """
    if spec.kind != "local":
        return ""
    digest = hashlib.sha256()
    for file in _files(spec):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{file.name} {content}\n".encode())
    return digest.hexdigest()


def _files(spec: ModelSpec) -> Iterator[Path]:
    for folder in filter(None, (checkpoint_folder(spec), adapter_folder(spec))):
        yield from sorted(path for path in folder.iterdir() if path.suffix in READ)
    if spec.chat_template is not None and spec.chat_template.endswith(TEMPLATE):
        yield Path(spec.chat_template)
