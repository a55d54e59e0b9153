"""The log of a server: written to stderr by a thread of its own, so that nothing waits for it.

A pipe that nobody reads fills up and then blocks whoever writes to it, which must not be the event
loop. Lines for which there is no room are lost. Knows nothing of who logs what.
"""

import logging
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler, QueueListener
from typing import Final

KEPT: Final = 1_000  # lines that wait for a reader
STDERR: Final = 2
END_S: Final = 1.0  # for the last lines, when the server ends
FORMAT: Final = "%(levelname)s %(name)s: %(message)s"


class _Dropping(QueueHandler):
    """Never waits."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            super().enqueue(record)


class _Stderr(logging.Handler):
    """Writes past `sys.stderr`: its lock, held where a write blocks, would hold up the end."""

    def createLock(self) -> None:  # noqa: N802 -- the library's name
        self.lock = None  # one thread writes; the end of the program must not wait for it

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            os.write(STDERR, f"{self.format(record)}\n".encode(errors="replace"))


class _Listener(QueueListener):
    """Ends although nobody reads."""

    def stop(self) -> None:
        if self._thread is not None:
            with suppress(queue.Full):
                self.enqueue_sentinel()
                self._thread.join(END_S)
            self._thread = None


@contextmanager
def logging_to_stderr(level: int = logging.WARNING) -> Iterator[None]:
    """Send what is logged meanwhile to stderr."""
    waiting: queue.Queue[logging.LogRecord] = queue.Queue(KEPT)
    stderr = _Stderr()
    stderr.setFormatter(logging.Formatter(FORMAT))
    listener, handler = _Listener(waiting, stderr), _Dropping(waiting)
    listener.start()
    logging.root.addHandler(handler)
    logging.root.setLevel(level)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        listener.stop()
