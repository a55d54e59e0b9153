"""Where the files of a model lie on this machine: in the folder that is named, or the hub's cache.

Nothing is downloaded here: gigabytes come before raters do. Knows nothing of what is in a folder.
"""

from pathlib import Path
from typing import Final

from serving.engine import EngineError, FailureKind
from serving.spec import ModelSpec

# What is read of a repository; whatever else it holds need not have been downloaded.
READ: Final = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")


def checkpoint_folder(spec: ModelSpec) -> Path:
    """Return the folder of a model's checkpoint.

    Raises
    ------
    EngineError
        If it is not here; the message says what to do.
    """
    return _folder(spec, "checkpoint", spec.checkpoint or "", spec.revision)


def adapter_folder(spec: ModelSpec) -> Path | None:
    """Return the folder of a model's adapter; None if it has none.

    Raises
    ------
    EngineError
        If it is not here; the message says what to do.
    """
    if spec.adapter is None:
        return None
    return _folder(spec, "adapter", spec.adapter, spec.adapter_revision)


def _folder(spec: ModelSpec, what: str, named: str, revision: str | None) -> Path:
    folder = Path(named)
    if folder.is_dir():
        return folder
    if folder.is_absolute() or named.startswith("."):
        cause = f"there is no {what} folder {named}; correct the path"
        raise EngineError(FailureKind.BACKEND, f"{spec.name}: {cause}")
    from huggingface_hub import snapshot_download  # noqa: PLC0415 -- only for names on the hub

    try:
        found = snapshot_download(
            named, revision=revision, allow_patterns=list(READ), local_files_only=True
        )
    except Exception as error:  # the library has many errors for one fact
        pinned = "" if revision is None else f" --revision {revision}"
        raise EngineError(
            FailureKind.BACKEND,
            f"{spec.name}: {what} {named} is neither a folder nor in the hub's cache; "
            f"download it first (hf download {named}{pinned}), or give the path of a folder",
        ) from error
    return Path(found)
