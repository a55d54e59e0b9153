"""Ctrl+C and the signals of a service end a command, once and quietly, and clear what it began.

Each raises `KeyboardInterrupt` in the main thread, wherever that is. Some places lose it: C code
that imports makes another error of it, and a callback where nothing may be raised only prints it.
So it is remembered that the command was to stop, and what was lost is raised again. What a command
does is not known here.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from threading import Timer, main_thread
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

Result = TypeVar("Result")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDED_BY: Final = 128  # and the number of the signal: the exit status that shells give
AGAIN_S: Final = 0.05  # until what was lost is raised again


class _Stop:
    """Raises in the main thread, and remembers which signal it was first."""

    asked = 0

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.asked = self.asked or number
        raise KeyboardInterrupt


def stoppable(command: Callable[[], None]) -> None:
    """Run a command, and end the program quietly where a signal ended it, whatever came of that."""
    stop = _Stop()
    # A script keeps Ctrl+C from what it runs in the background, and `nohup` the end of a terminal.
    heard = [sent for sent in SIGNALS if signal.getsignal(sent) is not signal.SIG_IGN]
    try:  # no context: between the first line of one and its block a signal would be told
        for sent in heard:
            signal.signal(sent, stop)
        sys.unraisablehook = _raise_again
        command()
    except BaseException as error:
        if not (stop.asked or isinstance(error, KeyboardInterrupt)):
            raise
        sys.exit(ENDED_BY + (stop.asked or signal.SIGINT))
    finally:
        for sent in heard:
            signal.signal(sent, signal.SIG_DFL)  # nothing is left to put in order


def _raise_again(lost: "UnraisableHookArgs") -> None:
    if lost.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(lost)
        return
    again = Timer(AGAIN_S, signal.pthread_kill, [main_thread().ident, signal.SIGINT])
    again.daemon = True
    again.start()


def run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run what Ctrl+C cancels: asyncio does so where it finds Python's own handler."""
    before = {sent: signal.getsignal(sent) for sent in SIGNALS}
    for sent in (sent for sent, handler in before.items() if isinstance(handler, _Stop)):
        own = signal.default_int_handler if sent is signal.SIGINT else signal.SIG_DFL
        signal.signal(sent, own)
    try:
        return asyncio.run(work)
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)
