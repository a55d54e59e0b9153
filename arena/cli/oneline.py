"""What strangers wrote, as one line: no line of theirs looks like one of ours.

An error of a remote server holds whatever that server likes to say. A log record is one line
whatever stands in it, and a traceback follows indented. Knows nothing of who logs what.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FORMAT: Final = "%(levelname)s %(name)s: %(message)s"
INDENT: Final = "    "


def one_line(text: str) -> str:
    """Return a text with everything escaped that ends a line, or moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class OneLine(logging.Formatter):
    """Makes one line of a record, and of its traceback lines that are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        record.message = record.getMessage()
        lines = [one_line(self.formatMessage(record))]
        if record.exc_info:
            lines += _indented(self.formatException(record.exc_info))
        if record.stack_info:
            lines += _indented(self.formatStack(record.stack_info))
        lines += _indented(getattr(record, "trace", ""))  # of a process of engines
        return "\n".join(lines)


def _indented(trace: str) -> list[str]:
    return [INDENT + one_line(line) for line in trace.split("\n") if line]


class _Terminal(logging.Handler):
    """Writes to whatever is standard error now: a progress bar stands in for it meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{self.format(record)}\n")


@contextmanager
def logging_to_terminal() -> Iterator[None]:
    """Show warnings meanwhile, for a command that may wait for its terminal (a server may not)."""
    handler = _Terminal(logging.WARNING)
    handler.setFormatter(OneLine(FORMAT))
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
