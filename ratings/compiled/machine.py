"""How functions are compiled: once, kept on disk, and without Python's lock.

This module does not know what they compute.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function at its first call, for the types of that call."""
    loose = {"reassoc", "nsz", "contract"}  # sums in another order: several numbers at once
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=loose)
    return cast("_Function", decorate(function))
