"""Runs the command line and turns every refusal into one sentence."""

import errno
import os
import sys
from contextlib import suppress
from typing import Final, NoReturn

from typer.exceptions import Abort, TyperException

from arena.cli.commands import app
from arena.cli.oneline import one_line
from arena.cli.streams import safe_streams
from arena.errors import ArenaError

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@safe_streams()
def run() -> NoReturn:
    """Run the command line; exit with 0 done, 1 failed, 2 wrong usage or configuration."""
    try:
        status = app(prog_name="arena", standalone_mode=False)
        sys.stdout.flush()  # what cannot be written is told, and not by Python at its end
        sys.exit(status)
    except TyperException as error:
        # What pydantic puts in front says nothing to whoever typed the option.
        error.message = error.message.removeprefix("Value error, ").replace("Input", "it", 1)
        if said := error.format_message():  # nothing where the help was the answer
            command = getattr(getattr(error, "ctx", None), "command_path", "arena")
            stop = "" if said.endswith("?") else "."
            _tell(f"{said.rstrip('.')}{stop} See `{command} --help`.")
        sys.exit(error.exit_code)
    except (Abort, BrokenPipeError):  # who read it has left
        sys.exit(1)
    except (ArenaError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        _tell(_named(error) if isinstance(error, OSError) else str(error))
        sys.exit(getattr(error, "exit_status", 1))


def _named(error: OSError) -> str:
    """Return what the system refused, and of which file if it says so."""
    if error.filename is None:
        if error.errno in FULL:  # of a file it would be known
            return f"What is said here cannot be written ({error.strerror}). Send it elsewhere."
        return f"The system refused this command ({error.strerror or error})."
    return (
        f"{os.fsdecode(error.filename)} cannot be used ({error.strerror}). Check that its name is "
        "right, that you may read and write it, and that its disk has room."
    )


def _tell(fault: str) -> None:
    said = "\n".join(one_line(line) for line in fault.split("\n"))
    with suppress(OSError):  # a full disk: nobody can be told
        sys.stderr.write(f"arena: {said}\n")
