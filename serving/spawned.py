"""A process as the system sees it: started, heard, killed, and how it ended.

Knows nothing of what is written between it and us.
"""

import contextlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from typing import Final

log = logging.getLogger(__name__)

GONE_S: Final = 5.0  # seconds between closing its pipe and its end
ABORT_S: Final = 1.0  # seconds to say where it stands before it is killed
HEARD_S: Final = 1.0  # seconds to hear the rest of what it said
LAST_LINES: Final = 40  # of what it said outside the pipe, if it was just before its end
LAST_S: Final = 10.0
# As for any child of `multiprocessing`, modules are looked for where the parent found them.
START: Final = (
    "import sys, importlib; module, fd, level, *sys.path = sys.argv[1:]; "
    "importlib.import_module(module).main(int(fd), int(level))"
)


class Spawned:
    """A process that holds the other end of a pipe, and nothing of ours beside it.

    Started when made. A fresh interpreter, not a fork: torch and threads do not survive one. In a
    process group of its own, because Ctrl+C is for the parent.
    """

    def __init__(self, label: str, module: str, theirs: Connection) -> None:
        self._label = label
        self._reason: str | None = None  # for which it was killed
        self._last_words: deque[tuple[float, str]] = deque(maxlen=LAST_LINES)
        level, fd = logging.getLogger().getEffectiveLevel(), theirs.fileno()
        self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter
            [sys.executable, "-P", "-c", START, module, str(fd), str(level), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=(fd,),
            process_group=0,
        )
        self._hearing = threading.Thread(target=self._hear, name=f"{label}: hear", daemon=True)
        self._hearing.start()

    @property
    def pid(self) -> int:
        """The number by which the system knows it."""
        return self._process.pid

    def end(self) -> str | None:
        """Return None while it lives, else how it ended."""
        if (status := self._process.poll()) is None:
            return None
        verdict = _verdict(status)
        return verdict if self._reason is None else f"{verdict}, because {self._reason}"

    def abort(self, why: str) -> None:
        """Kill it; it may still write where each of its threads stands."""
        if self._reason is None and self._process.poll() is None:  # else it has a reason of its own
            self._reason = why
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(ABORT_S)
        self._process.kill()

    def kill(self) -> None:
        """Kill it at once; does not block."""
        self._process.kill()

    def bury(self) -> str:
        """Wait for its end, keep no zombie, and return how it ended and what it said last."""
        try:
            self._process.wait(GONE_S)
        except subprocess.TimeoutExpired:  # it closed its pipe and lives
            self._process.kill()
            self._process.wait()
        self._hearing.join(HEARD_S)
        recent = [line for when, line in self._last_words if when > time.monotonic() - LAST_S]
        return "\n".join([str(self.end()), *(["It said last:", *recent] if recent else [])])

    def _hear(self) -> None:
        """Keep what it says outside the pipe: what a library or the system complains of."""
        if self._process.stdout is not None:
            with self._process.stdout as said:
                for line in said:
                    self._last_words.append((time.monotonic(), line.rstrip()))
                    log.info("%s said: %s", self._label, line.rstrip())


def _verdict(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
