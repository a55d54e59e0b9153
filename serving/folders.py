"""Where the files of a model lie on this machine: in the folder that is named, or the hub's cache.

A revision pins a name on the hub, and so says that the hub is meant, also where a folder has that
name. Nothing is downloaded here: gigabytes come before raters do. Knows nothing of what is in a
folder, but that an adapter is no checkpoint.
"""

from pathlib import Path
from typing import Final

from serving.adapters import CONFIG
from serving.engine import EngineError, FailureKind
from serving.spec import ModelSpec

# What is read of a repository; whatever else it holds need not have been downloaded.
READ: Final = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")


def checkpoint_folder(spec: ModelSpec) -> Path:
    """Return the folder of a model's checkpoint.

    Raises
    ------
    EngineError
        If it is not here, or holds an adapter; the message says what to do.
    """
    named = spec.checkpoint or ""
    if spec.trust_remote_code and not spec.revision and not _is_path(named):
        raise _missing(
            spec,
            f"trust_remote_code runs the code of checkpoint {named}, which is no folder here",
            "pin it with revision, a commit of 40 hex digits, or leave trust_remote_code off",
        )
    folder = _folder(spec, "checkpoint", named, spec.revision)
    if (folder / CONFIG).is_file():
        raise _adapted(spec, folder)
    return folder


def _adapted(spec: ModelSpec, folder: Path) -> EngineError:
    """Return why a folder with an adapter is no checkpoint.

    Where PEFT is installed, the library puts the adapter on top of a model beside it, or as many
    layers of it as it knows; elsewhere it leaves it out. Neither is said.
    """
    cause, way_out = f"an adapter ({CONFIG}) and no model", "set checkpoint to the model it is for"
    if (folder / "config.json").is_file():
        cause, way_out = f"a model and an adapter ({CONFIG})", "move one into a folder of its own"
    rest = "and to serve the adapter set adapter to its folder"
    return _missing(spec, f"checkpoint {folder} holds {cause}", f"{way_out}, {rest}")


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


def _is_path(named: str) -> bool:
    """Tell whether a name says a folder: it looks like a path, or there is one."""
    try:
        return _looks_like_path(named) or Path(named).is_dir()
    except OSError:  # longer than any path
        return False


def _looks_like_path(named: str) -> bool:
    return Path(named).is_absolute() or named.startswith((".", "~"))


def _folder(spec: ModelSpec, what: str, named: str, revision: str | None) -> Path:
    if not revision and _is_path(named):
        folder = Path(named)
        try:
            there = folder.is_dir()
            (folder / CONFIG).exists()  # fails where it is there, and nobody lets us look into it
        except OSError as error:
            cause = f"{what} folder {named} cannot be read ({error.strerror})"
            raise _missing(spec, cause, "make it readable, or correct the path") from error
        if there:
            return folder
        raise _missing(spec, f"there is no {what} folder {named}", "correct the path")
    field = "revision" if what == "checkpoint" else f"{what}_revision"
    if _looks_like_path(named):
        cause = f"{field} {revision} pins a name on the hub, and {what} {named} is a folder"
        raise _missing(spec, cause, f"remove {field}: a folder is what lies in it")
    from huggingface_hub import snapshot_download  # noqa: PLC0415 -- only for names on the hub

    try:
        found = snapshot_download(
            named, revision=revision or None, allow_patterns=list(READ), local_files_only=True
        )
    except Exception as error:  # the library has many errors for one fact
        order = f"hf download {named}" + (f" --revision {revision}" if revision else "")
        if not revision:
            cause = f"{what} {named} is neither a folder nor in the hub's cache"
            way_out = f"download it first ({order}), or give the path of a folder"
        else:
            cause = f"{what} {named} is not in the hub's cache with {field} {revision}"
            way_out = f"download it first ({order}), or remove {field} if a folder is meant"
        raise _missing(spec, cause, way_out) from error
    return Path(found)


def _missing(spec: ModelSpec, cause: str, way_out: str) -> EngineError:
    return EngineError(FailureKind.BACKEND, f"{spec.name}: {cause}; {way_out}")
