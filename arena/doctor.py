"""What is wrong with this installation, and how to mend it.

Each check looks at one thing and answers with one finding. Nothing here changes anything.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from arena.errors import ArenaError, ConfigError
from arena.lacks import Lack, lack_of, no_room
from arena.record.database import check_file, check_may_write, place_of
from arena.record.logquery import log_counts
from arena.record.sqlite_file import VERSION, check_log, fault_of
from arena.roster import Roster, loaded_on, look_at
from arena.settings import Settings
from arena.signing import KEY_BYTES, key_of
from serving.asking import address_of
from serving.bound import bound_of
from serving.build import apart_of
from serving.devices import GIB, gib
from serving.engine import EngineError
from serving.reach import reach
from serving.refusals import BusyError
from serving.shelf import keeps, size_of
from serving.spec import ModelSpec

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


def examine(db: Path) -> Iterator[Finding]:
    """Look at the installation and at a database."""
    yield _python()
    yield from (_package(name) for name in NEEDED)
    yield _kernels()
    yield _sqlite(VERSION)
    yield _disk(db)
    yield from _database(db)


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
    try:
        folder = place_of(db).parent
    except ConfigError as error:
        return Finding(Level.BAD, "disk", str(error))
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
        yield Finding(Level.NOTE, "database", f"{db} is not there yet", "A server makes it.")
        return
    try:
        check_file(db, place_of(db))
        check_log(db)
        check_may_write(db, place_of(db))
    except ArenaError as error:
        yield Finding(Level.BAD, "database", str(error))
        return
    fault = fault_of(db)
    if fault is not None:
        found = f"{db} is damaged or cannot be read: {fault}"
        yield Finding(Level.BAD, "database", found, "Restore a backup.")
        return
    try:
        counts = log_counts(db)
    except ArenaError as error:
        yield Finding(Level.BAD, "database", str(error))
        return
    stored, counted = counts["stored"], counts["counted"]
    found = f"{db}: {stored} votes stored, {counted} counted"
    many = stored - counted > LEFT_OUT_SHARE * stored
    why = "; ".join(f"{votes} {reason}" for reason, votes in counts["set_aside"].items())
    yield Finding(Level.NOTE if many else Level.GOOD, "database", found, why)
    yield _key(db)


def _key(db: Path) -> Finding:
    key = key_of(db)
    if not key.exists():
        return Finding(Level.NOTE, "signing key", f"{key} is not there yet", "A server makes it.")
    if key.stat().st_size < KEY_BYTES:
        found, way_out = f"{key} is too short to be a key", "Delete it: a server makes a new one."
        return Finding(Level.BAD, "signing key", found, way_out)
    mode = key.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(
            Level.BAD,
            "signing key",
            f"{key} can be read by others (mode {mode:o})",
            f"chmod 600 {key}",
        )
    return Finding(Level.GOOD, "signing key", f"{key}, mode {mode:o}")


def roster_of(settings: Settings) -> Roster:
    """Return what the models of a roster need and where they fit.

    Raises
    ------
    ConfigError
        If the devices that it names are not there.
    """
    apart = apart_of(settings.pool.processes, settings.models)
    return look_at(settings.models, settings.pool.rooms(), own=apart == "model")


def roster_findings(settings: Settings, roster: Roster) -> Iterator[Finding]:
    """Say what is wrong with a roster, and how its models share the memory."""
    yield Finding(Level.GOOD, "engines", APART[apart_of(settings.pool.processes, settings.models)])
    for need in roster.needs:
        for lack in need.missing:
            yield _lack(settings, need.spec, lack)
    yield from _servers(settings)
    for sentence in roster.apart:
        yield Finding(
            Level.BAD,
            "pairs",
            f"there can be no battle between them: {sentence}",
            "Raise [pool] memory_gib, quantize one of them, or leave one out.",
        )
    for device, room in roster.rooms.items():
        if names := loaded_on(roster, device):
            found = f"{len(names)} at once, {gib(roster.used.get(device, 0))}"
            yield Finding(Level.GOOD, device, f"{found} of {gib(room)}")
    yield from _turns(roster)
    yield from _kept(settings)
    yield from _alike(settings)


def _servers(settings: Settings) -> Iterator[Finding]:
    for spec in settings.models:
        if spec.kind != "remote":
            continue
        try:
            reach(spec)
        except BusyError as error:  # in this moment, which says little of the next
            yield replace(_lack(settings, spec, lack_of(spec, error.cause)), level=Level.NOTE)
        except EngineError as error:
            yield _lack(settings, spec, lack_of(spec, error.cause))
        else:
            yield Finding(Level.GOOD, spec.name, f"{address_of(spec)} answers")
        if spec.context_tokens is None:
            found = "context_tokens is not set: what is too long for its server makes a battle void"
            yield Finding(Level.NOTE, f"{spec.name}, room", found, "Set what the server takes.")


def _lack(settings: Settings, spec: ModelSpec, lack: Lack) -> Finding:
    number = settings.models.index(spec)
    place = settings.place("models", number, *filter(None, [lack.field]))
    way_out = f"{lack.way_out[0].upper()}{lack.way_out[1:]}."
    return Finding(Level.BAD, spec.name, f"{place}: {lack.what}", way_out)


def _turns(roster: Roster) -> Iterator[Finding]:
    waiting = [need for need in roster.needs if need.place is None and not need.missing]
    if waiting:
        yield Finding(
            Level.NOTE,
            "roster",
            f"{len(waiting)} of {len(roster.needs)} models take turns: they are loaded when a "
            "battle needs them",
            "To hold more at once: nf4, a smaller context_tokens or batch, or a larger memory_gib.",
        )
    elif not any(need.missing for need in roster.needs):
        yield Finding(Level.GOOD, "roster", "all models fit into memory together")


def _kept(settings: Settings) -> Iterator[Finding]:
    for folder in sorted({spec.cache for spec in settings.models if keeps(spec) and spec.cache}):
        models, size = size_of(Path(folder))
        found = f"{models} quantized models, {gib(size)} in {folder}"
        places = (Path(folder), *Path(folder).parents)
        place = next((one for one in places if os.access(one, os.F_OK)), places[-1])
        if place.is_dir() and os.access(place, os.W_OK):
            way_out = "It may be deleted at any time: what is needed is made again."
            yield Finding(Level.GOOD, "cache", found, way_out)
        else:
            found = f"{found}, which cannot be written: other models are quantized at each load"
            yield Finding(Level.NOTE, "cache", found, "Name another folder as [pool] cache.")


def _alike(settings: Settings) -> Iterator[Finding]:
    """Note what lets a rater tell models apart by how much they can hear or say."""
    for spec in settings.models:
        if (lack := no_room(spec)) is not None:
            yield replace(_lack(settings, spec, lack), what="room")
    bound = max(bound_of(settings.models), 0)
    contexts = {spec.context_tokens for spec in settings.models if spec.kind == "local"}
    if len(contexts) > 1:
        yield Finding(
            Level.NOTE,
            "context_tokens",
            f"are {_values(contexts)}; so that no refusal tells who sits there, the smallest "
            f"bounds every conversation: {bound:.0f} bytes",
            "Give all models the same, as large as the smallest bears.",
        )
    outputs = {spec.output_tokens for spec in settings.models}
    if len(outputs) > 1:
        yield Finding(
            Level.NOTE,
            "output_tokens",
            f"are {_values(outputs)}: a response that is cut tells which model it is",
            "Give all models the same.",
        )


def _values(found: set[int] | set[int | None]) -> str:
    ordered = sorted(found, key=lambda value: value or 0)
    return " and ".join("unset" if value is None else str(value) for value in ordered)
