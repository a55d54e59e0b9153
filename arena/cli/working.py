"""A sign of life on the terminal while a command computes; nothing in a pipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is going on, on standard error and only to a person."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415  # only a person sees it

    with Console(stderr=True).status(f"{what} …"):
        yield
