"""Gradio, imported quickly: every module of the pages that needs it takes `gr` from here.

For each class of components Gradio writes a stub file for editors next to its own source, anew at
every import and from every process: half of the time an import takes, and a race between two
arenas on one machine. It leaves out what has no source file, so none has one while it is imported.
Knows no page and no component.
"""

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["gr"]


@contextmanager
def no_stubs() -> Iterator[None]:
    """Let no stub file be written for a class of Gradio that this thread makes meanwhile.

    Where Gradio is imported already, or writes none, this changes nothing.
    """
    found, importing = inspect.getfile, threading.get_ident()

    def getfile(object: Any) -> str:  # noqa: A002, ANN401  # as in the library
        ours = threading.get_ident() == importing  # all other threads are told the truth
        if ours and isinstance(object, type) and object.__module__.partition(".")[0] == "gradio":
            raise OSError("no stub file is to be written beside it")
        return found(object)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = found


with no_stubs():
    import gradio as gr  # noqa: TID251  # here and nowhere else
