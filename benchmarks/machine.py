"""Which machine measured: without it a figure means nothing.

Databases of benchmarks lie in `place()`, on a disk wherever the system has one: a file system in
memory makes every write durable at once and every figure about votes worthless. What is measured
there is not known here.
"""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

SYNCS: Final = 200  # how often the disk is asked to keep a page
PAGE: Final = b"\0" * 4096
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_MOUNTS: Final = Path("/proc/self/mounts")
_CPU: Final = Path("/proc/cpuinfo")


def place() -> Path:
    """Return the folder for files of benchmarks: EVENHAND_BENCH_DIR, or one on the disk."""
    named = os.environ.get("EVENHAND_BENCH_DIR")
    if named:
        return Path(named)
    kept = Path("/var/tmp")  # noqa: S108 - kept over restarts, so on the disk
    return kept if kept.is_dir() else Path(tempfile.gettempdir())


def machine() -> dict[str, str]:
    """Return date, processor, Python, SQLite and disk."""
    folder = place()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": f"{os.cpu_count()} ({_processor()}), load {_load()}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "disk": f"{file_system(folder)} at {folder}, {sync_ms(folder):.2f} ms a durable 4 KiB page",
    }


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Return the kind of file system a folder lies on, with a warning where it is memory."""
    try:
        lines = mounts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown file system"
    resolved = folder.resolve()
    kinds = {Path(words[1]): words[2] for line in lines if len(words := line.split()) > 2}  # noqa: PLR2004 - device, place, kind
    holding = [point for point in kinds if resolved.is_relative_to(point)]
    if not holding:
        return "unknown file system"
    kind = kinds[max(holding, key=lambda point: len(point.parts))]
    return f"{kind} (memory: figures about votes mean nothing here)" if kind in IN_MEMORY else kind


def sync_ms(folder: Path, times: int = SYNCS) -> float:
    """Return the median time in milliseconds that the disk takes to keep one page."""
    spent = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(times):
            file.write(PAGE)
            started = time.perf_counter()
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - started)
    return statistics.median(spent) * 1_000


def _processor() -> str:
    try:
        lines = _CPU.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _load() -> str:
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except OSError:
        return "unknown"
