"""Files that we write: all of one or nothing, and never over the file that is read.

What is in them is not known here.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from arena.errors import ConfigError, LogError

FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def check_is_another(path: Path, source: str | Path) -> None:
    """Make sure that a file to be written is not the one that is read, by whatever name.

    Raises
    ------
    ConfigError
        If it is.
    """
    read = Path(str(source).removeprefix("sqlite:///"))
    if path.exists() and read.exists() and path.samefile(read):
        raise ConfigError(
            f"{path} is the file that is read ({source}), and would be overwritten; "
            "name another file to write."
        )


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file by way of a temporary one beside it, so that readers see all of it or none.

    Who may read it is as it was, or as the umask says.

    Raises
    ------
    ConfigError
        If it names a folder.
    LogError
        If the folder it is in is missing or cannot be written.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it.")
    try:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        part.touch(exist_ok=False)  # for whom the umask says: what raters typed is in there
        try:
            write(part)
            if path.exists():
                part.chmod(stat.S_IMODE(path.stat().st_mode))
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        way_out = (
            "make room there, or name a file on another disk."
            if error.errno in FULL
            else "choose a folder that exists and that you may write to."
        )
        raise LogError(f"{path}: cannot be written ({error.strerror}); {way_out}") from error
