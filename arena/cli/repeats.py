"""What a log says over and over: once, and after a while how often it was.

On a full disk every press of every visitor fails alike, and where no connection is left the event
loop says so without a pause. Lines that differ in a word are different ones. Where the log goes is
not known here.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

AFTER_S: Final = 60.0  # the same line is written once in so many seconds
REMEMBERED: Final = 200  # lines

# The name, the words, the error, and how it came there, also in a process of engines.
_Said = tuple[str, str, str, str | None, str | None]


class Repeats(logging.Filter):
    """Lets a line through that was not there for a while; to be added to a handler."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # When a line was written, and how often it was left out since.
        self._last: OrderedDict[_Said, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be written; one that was left out often says how often."""
        try:
            message = record.getMessage()
            error = repr(record.exc_info and record.exc_info[1])
            said = record.name, message, error, getattr(record, "trace", None), record.stack_info
        except Exception:  # noqa: BLE001 - of whoever logs: what writes it says so, and goes on
            return True
        since, left_out = self._last.pop(said, (None, 0))
        now = self._clock()
        if since is not None and now - since < AFTER_S:
            self._last[said] = since, left_out + 1
            return False
        if left_out:
            times = "once" if left_out == 1 else f"{left_out:,} times"
            record.msg, record.args = f"{message} ({times} more since)", ()
        self._last[said] = now, 0
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return True
