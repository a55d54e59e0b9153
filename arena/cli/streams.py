"""The standard streams of a command, whatever they are: closed, full, or of few letters.

What is written to them is not known here.
"""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def safe_streams() -> Iterator[None]:
    """Let a command read and write, and Python end, without a fault of the streams' own."""
    _fill_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error(_in_other_letters.__name__, _in_other_letters)
        sys.stdout.reconfigure(errors=_in_other_letters.__name__)
    try:
        yield
    finally:
        _give_up_what_is_full()


def _fill_what_is_closed() -> None:
    """Lead streams that a shell closed (`>&-`) nowhere; else a database gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  # to the end
            setattr(sys, name, nowhere)


def _in_other_letters(error: UnicodeError) -> tuple[str, int]:
    """Write what a terminal's encoding (GBK, Latin-1) lacks: letters by number, signs plainly."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_in_ascii, lacking)), error.end


def _in_ascii(letter: str) -> str:
    if letter.isalnum():
        return letter.encode("unicode_escape").decode()
    return "-" if letter == "\N{EN DASH}" else "?"


def _give_up_what_is_full() -> None:
    """Lead streams that take nothing more nowhere; else Python tries again, and ends with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
