"""Quantized weights kept on disk: made once, read many times, gone without a trace when broken.

Knows files alone. What is in an entry is written and read by `serving.kept`; nothing here
imports a library of models.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from serving.spec import ModelSpec, Quantization

log = logging.getLogger(__name__)
_unkept: set[Path] = set()  # folders of which it was told that nothing is kept in them

LIBRARIES: Final = ("bitsandbytes", "torch", "transformers")
CONTENTS: Final = ("*.safetensors", "*.json")  # of a checkpoint: what its weights depend on
WHOLE: Final = "whole.json"  # names and sizes of all files of an entry
MAKING: Final = ".making-"
FORSAKEN_S: Final = 24 * 3600.0  # a folder in the making that old has no maker any more


def default_folder() -> Path:
    """Return the folder that the desktop's rules give a cache."""
    told = os.environ.get("XDG_CACHE_HOME")
    return (Path(told) if told else Path.home() / ".cache") / "evenhand" / "quantized"


def keeps(spec: ModelSpec) -> bool:
    """Tell whether a model's quantized weights are kept.

    Not those of a model whose code comes with it: its code would have to be kept too.
    """
    quantized = spec.quantization is not Quantization.NONE
    return spec.cache is not None and quantized and not spec.trust_remote_code


@dataclass(frozen=True, slots=True)
class Shelf:
    """The place of one model's quantized weights."""

    entry: Path

    @classmethod
    def of(cls, spec: ModelSpec, checkpoint: Path, *, cuda: bool) -> "Shelf":
        """Return the place for a model that `keeps` its weights.

        Weights are the same as long as the checkpoint's files, the quantization, the kind of
        device and the libraries are.
        """
        files = sorted({file for pattern in CONTENTS for file in checkpoint.glob(pattern)})
        facts = {
            "folder": str(checkpoint.resolve()),
            "files": [_identity(file) for file in files],
            "quantization": spec.quantization,
            "device": "cuda" if cuda else "cpu",
            "libraries": {name: _version(name) for name in LIBRARIES},
        }
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
        return cls(Path(spec.cache or default_folder()) / f"{spec.quantization}-{key}")

    @property
    def filled(self) -> bool:
        """Whether anything is kept here, whole or not; nothing where nobody lets us look."""
        return os.access(self.entry, os.F_OK)

    def fault(self) -> str | None:
        """Return what is wrong with the weights kept here; None if they are whole."""
        try:
            told: dict[str, int] = json.loads((self.entry / WHOLE).read_text(encoding="utf-8"))
            found = {name: (self.entry / name).stat().st_size for name in told}
        except (OSError, ValueError, TypeError) as error:
            return str(error)
        if not any(Path(name).suffix == ".safetensors" for name in told):
            return "it holds no weights"
        return None if found == told else "sizes are not those that were written"

    def find(self) -> Path | None:
        """Return the folder of whole weights; what is not whole is removed, here and beside it."""
        self._clear()
        if not self.filled:
            return None
        if (fault := self.fault()) is not None:
            log.warning("quantized weights in %s are broken, made again: %s", self.entry, fault)
            self.remove()
            return None
        return self.entry

    def put(self, write: Callable[[Path], object]) -> None:
        """Let weights be written and put them in place as a whole; a failure is only logged.

        A process that dies on the way leaves a folder of another name, which is cleared away by
        who looks for weights a day later.
        """
        making = None
        try:
            self.entry.parent.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(prefix=MAKING, dir=self.entry.parent))
            write(making)
            _seal(making)
            making.rename(self.entry)
            _flush(self.entry.parent)
        except Exception as error:  # noqa: BLE001 -- a library's own; the model is there all the same
            if making is not None:
                shutil.rmtree(making, ignore_errors=True)
            if self.fault() is not None:  # else somebody else was faster
                self._tell(error)
        else:
            _unkept.discard(self.entry.parent)

    def _tell(self, error: Exception) -> None:
        """Log why nothing is kept; only once aloud, as each load of each model comes here."""
        folder = self.entry.parent
        level = logging.INFO if folder in _unkept else logging.WARNING
        _unkept.add(folder)
        log.log(level, "quantized weights are not kept in %s: %s", folder, error)

    def remove(self) -> None:
        """Take the weights away; also while somebody reads them."""
        with (
            suppress(OSError),  # somebody else was faster
            tempfile.TemporaryDirectory(
                prefix=MAKING, dir=self.entry.parent, ignore_cleanup_errors=True
            ) as gone,
        ):
            self.entry.rename(Path(gone, "gone"))  # at once, so that nobody finds half of it

    def _clear(self) -> None:
        """Clear away what was left in the making."""
        old = time.time() - FORSAKEN_S
        with suppress(OSError):  # somebody else was faster, or nobody lets us look
            for folder in self.entry.parent.glob(f"{MAKING}*"):
                if folder.stat().st_mtime < old:
                    shutil.rmtree(folder, ignore_errors=True)


def size_of(folder: Path) -> tuple[int, int]:
    """Return how many models are kept in a folder, and their bytes."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return 0, 0
    entries = [entry for entry in folder.glob("*") if (entry / WHOLE).is_file()]
    files = [file for entry in entries for file in entry.iterdir()]
    return len(entries), sum(file.stat().st_size for file in files)


def _identity(file: Path) -> tuple[str, int, int]:
    found = file.stat()
    return file.name, found.st_size, found.st_mtime_ns


def _seal(folder: Path) -> None:
    """Note what belongs to an entry, and bring all of it to the disk."""
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    (folder / WHOLE).write_text(json.dumps(sizes), encoding="utf-8")
    for file in (*folder.iterdir(), folder):
        _flush(file)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
