"""The C library's allocator, told how weights come and go; nothing where it is not glibc's.

glibc maps a large piece of memory by itself, and gives it back whole. But with each such piece that
is freed it takes "large" to be more, up to 32 MiB. From then on weights of small models lie in the
heap, between what stays, and leave holes that the next model does not fit into.
"""

import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TRIM_THRESHOLD: Final = -1  # names and numbers of glibc's <malloc.h>
MMAP_THRESHOLD: Final = -3
LOADING: Final = 2**17  # bytes from which a piece is mapped by itself while a model is loaded,
RUNNING: Final = 2**25  # and else, the most: a pass takes and frees megabytes for every token
KEPT: Final = 2**26  # free bytes at the heap's end that are kept for the next pass


@contextmanager
def apart() -> Iterator[None]:
    """Map each large piece that is allocated meanwhile by itself, to go as a whole later.

    Of two at a time the first to end ends it for both.
    """
    _map_from(LOADING)
    try:
        yield
    finally:
        _map_from(RUNNING)


def give_back() -> None:
    """Give what is free in the heap back to the system."""
    if (trim := _function("malloc_trim")) is not None:
        trim(0)


def _map_from(size: int) -> None:
    if (option := _function("mallopt")) is not None:
        option(MMAP_THRESHOLD, size)
        option(TRIM_THRESHOLD, KEPT)  # that no longer moves by itself either


@functools.cache
def _function(name: str) -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
