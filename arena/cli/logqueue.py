"""The log of a server: written to stderr by a thread of its own, so that nothing waits for it.

A pipe that nobody reads fills up and then blocks whoever writes to it, which must not be the event
loop. Lines for which there is no room are lost, and counted: when there is room again, the log says
how many.

What a record looks like is known by `arena.cli.oneline`, which one is left out by
`arena.cli.repeats`.
"""

import logging
import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler, QueueListener
from typing import Final

from arena.cli.oneline import FORMAT, OneLine
from arena.cli.repeats import Repeats

KEPT: Final = 1_000  # lines that wait for a reader
STDERR: Final = 2
END_S: Final = 1.0  # for the last lines, when the server ends


class _Dropping(QueueHandler):
    """Never waits; counts what it drops, which the library lets one thread do at a time."""

    lost = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            super().enqueue(record)
        except queue.Full:
            self.lost += 1

    def own_up(self) -> None:
        """Say how many lines are missing at this place of the log, if there is room to say it."""
        self.acquire()
        try:
            if self.lost:
                self.queue.put_nowait(self.prepare(_loss(self.lost)))
                self.lost = 0
        except queue.Full:
            pass  # the next time
        finally:
            self.release()


def _loss(lost: int) -> logging.LogRecord:
    lines = "line was" if lost == 1 else "lines were"
    said = f"{lost} log {lines} lost because nobody read the log"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, said, None, None)


class _Stderr(logging.Handler):
    """Writes past `sys.stderr`: its lock, held where a write blocks, would hold up the end."""

    def createLock(self) -> None:  # noqa: N802 -- the library's name
        self.lock = None  # one thread writes; the end of the program must not wait for it

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)  # without the lock, which Python 3.13 wants to be there
        return True

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            os.write(STDERR, f"{self.format(record)}\n".encode(errors="replace"))


class _Listener(QueueListener):
    """Ends although nobody reads."""

    def __init__(
        self,
        waiting: "queue.Queue[logging.LogRecord]",
        dropping: _Dropping,
        writes: logging.Handler,
    ) -> None:
        super().__init__(waiting, writes)
        self._waiting = waiting
        self._dropping = dropping

    def handle(self, record: logging.LogRecord) -> None:
        super().handle(record)
        # Only then: where lines go on being lost, there would be a sentence for each.
        if self._waiting.qsize() <= KEPT // 2:
            self._dropping.own_up()

    def stop(self) -> None:
        if self._thread is not None:
            with suppress(queue.Full):
                self._dropping.own_up()
                self.enqueue_sentinel()
                self._thread.join(END_S)
            self._thread = None


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Send warnings, and what is worse, to stderr meanwhile."""
    waiting: queue.Queue[logging.LogRecord] = queue.Queue(KEPT)
    handler = _Dropping(waiting)
    handler.addFilter(Repeats())
    handler.setFormatter(OneLine(FORMAT))  # it makes the text; the other thread only writes it
    listener = _Listener(waiting, handler, _Stderr())
    listener.start()
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        listener.stop()
