"""What is wrong with this installation, and how to mend it.

Each check looks at one thing and answers with one finding. Nothing here changes anything.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from arena.errors import ArenaError
from arena.logquery import log_counts
from arena.settings import Settings
from serving.build import apart_of
from serving.engine import EngineError
from serving.estimate import estimate

GIB: Final = 1024**3
NEEDED: Final = ("gradio", "torch", "transformers", "bitsandbytes", "sqlmodel", "numpy", "pandas")
LOW_DISK_BYTES: Final = GIB
LEFT_OUT_SHARE: Final = 0.05  # of the stored votes; above that somebody should know why
APART: Final = {
    "none": "run in the server's process",
    "device": "run in a process for each device",
    "model": "run in a process for each model",
}
# https://sqlite.org/wal.html#walresetbug: two connections that write at one instant can lose pages.
WAL_MENDED: Final = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One answer of the doctor: what was looked at, what was found, and the way out."""

    level: Level
    what: str
    found: str
    way_out: str = ""


def examine(db: Path, settings: Settings | None = None) -> Iterator[Finding]:
    """Look at the installation, at a database, and at a roster if there is one."""
    yield _python()
    yield from (_package(name) for name in NEEDED)
    yield _kernels()
    yield _sqlite(sqlite3.sqlite_version_info)
    yield _disk(db)
    yield from _database(db)
    if settings is not None:
        yield from _roster(settings)


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(Level.GOOD, "Python", found)


def _package(name: str) -> Finding:
    try:
        return Finding(Level.GOOD, name, version(name))
    except PackageNotFoundError:
        return Finding(Level.BAD, name, "is not installed", "Run `make install`.")


def _kernels() -> Finding:
    try:
        return Finding(Level.GOOD, "numba", version("numba"))
    except PackageNotFoundError:
        return Finding(
            Level.NOTE,
            "numba",
            "is not installed: ratings are the same, and slower on large logs",
            'Install the extra: pip install "evenhand[fast]".',
        )


def _sqlite(found: tuple[int, ...]) -> Finding:
    written = ".".join(str(part) for part in found[:3])
    mended = found >= WAL_MENDED[-1] or any(
        found[:2] == release[:2] and found >= release for release in WAL_MENDED
    )
    if mended:
        return Finding(Level.GOOD, "SQLite", written)
    return Finding(
        Level.NOTE,
        "SQLite",
        f"{written} has the WAL-reset fault; one connection writes here, so its condition is not "
        "met",
        "Do not let another program write or checkpoint the database (litestream does).",
    )


def _disk(db: Path) -> Finding:
    folder = db.resolve().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / GIB:.1f} GiB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Finding(
            Level.BAD, "disk", f"{folder} cannot be written", "Choose another place with --db."
        )
    if free < LOW_DISK_BYTES:
        return Finding(Level.BAD, "disk", found, "Make room: a full disk stops the voting.")
    return Finding(Level.GOOD, "disk", found)


def _database(db: Path) -> Iterator[Finding]:
    if not db.exists():
        yield Finding(Level.NOTE, "database", f"{db} is not there yet", "`arena demo` makes it.")
        return
    try:
        with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        counts = log_counts(db)
    except (sqlite3.Error, ArenaError) as error:
        yield Finding(Level.BAD, "database", f"{db}: {error}", "Restore a backup.")
        return
    if verdict != "ok":
        yield Finding(Level.BAD, "database", f"{db} is damaged: {verdict}", "Restore a backup.")
        return
    stored, counted = counts["stored"], counts["counted"]
    found = f"{db}: {stored} votes stored, {counted} counted"
    many = stored - counted > LEFT_OUT_SHARE * stored
    why = "; ".join(f"{votes} {reason}" for reason, votes in counts["set_aside"].items())
    yield Finding(Level.NOTE if many else Level.GOOD, "database", found, why)
    yield _key(db)


def _key(db: Path) -> Finding:
    key = db.with_name(db.name + ".key")
    if not key.exists():
        return Finding(Level.NOTE, "signing key", f"{key} is not there yet", "A server makes it.")
    mode = key.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(
            Level.BAD,
            "signing key",
            f"{key} can be read by others (mode {mode:o})",
            f"chmod 600 {key}",
        )
    return Finding(Level.GOOD, "signing key", f"{key}, mode {mode:o}")


def _roster(settings: Settings) -> Iterator[Finding]:
    budget = settings.pool.memory_bytes
    total = 0
    yield Finding(Level.GOOD, "engines", APART[apart_of(settings.pool.processes, settings.models)])
    for spec in settings.models:
        try:
            needed = estimate(spec).total
        except EngineError as error:
            yield Finding(Level.BAD, spec.name, error.cause, "Correct `checkpoint` in the roster.")
            continue
        total += needed
        found = f"{spec.quantization}, {needed / GIB:.3f} GiB"
        if needed > budget:
            yield Finding(
                Level.BAD,
                spec.name,
                f"{found}, more than the budget of {settings.pool.memory_gib:g} GiB",
                "Raise [pool] memory_gib, or quantize it.",
            )
        else:
            yield Finding(Level.GOOD, spec.name, found)
    fits = "all fit together" if total <= budget else "they will take turns"
    yield Finding(
        Level.GOOD, "roster", f"{total / GIB:.3f} of {settings.pool.memory_gib:g} GiB: {fits}"
    )
