"""A server in a process of its own, and raters who reach it through HTTP as a browser does.

The server is the product's own command on scripted models; how it is killed, and what its answers
hold, is for the benchmarks to know.
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

PRODUCT: Final = ("-m", "arena", "serve")
START_S: Final = 180.0  # a busy machine loads the pages for many seconds
ROOT: Final = Path(__file__).resolve().parent.parent
_ADDRESS: Final = re.compile(r"http://[\d.]+:\d+")


class NotServing(RuntimeError):
    """The server ended, or said nothing, before it was open."""


@dataclass(frozen=True)
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    address: str

    def kill(self) -> None:
        """Take the process away without a word, as the system does when memory is out."""
        self.process.kill()
        self.process.wait()


@contextmanager
def served(roster: Path, db: Path, command: Sequence[str] = PRODUCT) -> Iterator[Served]:
    """Run a server until the block ends; `command` follows the name of the interpreter.

    Raises
    ------
    NotServing
        If it does not open; the message holds what it said.
    """
    words = [sys.executable, *command, str(roster), "--port", "0", "--db", str(db)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own code
            words, stdout=subprocess.PIPE, stderr=complaints, text=True, cwd=ROOT
        )
        try:
            yield Served(process, _address(process, complaints))
        finally:
            process.kill()
            process.communicate()


def _address(process: subprocess.Popen[str], complaints: IO[str]) -> str:
    """Read the line with which a server says where it is."""
    if process.stdout is None:
        raise NotServing("The server has no output to read.")
    late = threading.Timer(START_S, process.kill)  # ends the wait for a line that never comes
    late.start()
    try:
        said = process.stdout.readline()
    finally:
        late.cancel()
    address = _ADDRESS.search(said)
    if address is None:
        complaints.seek(0)
        raise NotServing(f"The server did not open: {said}{complaints.read()}")
    return address[0]
