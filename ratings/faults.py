"""What is wrong with rows and codes, in one sentence that names the rows.

This module does not know what a row is about.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHOWN: Final = 20  # refused rows listed in a message


def refuse(faults: list[tuple[NDArray[np.bool_], Callable[[int], str]]]) -> None:
    """Raise one error that lists the first rows at fault, each with its reasons.

    Parameters
    ----------
    faults : list of (ndarray of shape (n_rows,), callable)
        Which rows are at fault, and what to say of a row (its place, from 0).

    Raises
    ------
    ValueError
        If a row is at fault; the first row is row 1.
    """
    wrong = np.logical_or.reduce([mask for mask, _ in faults])
    rows = np.flatnonzero(wrong)
    if len(rows) == 0:
        return
    listed = [
        f"row {row + 1}: {', '.join(reason(int(row)) for mask, reason in faults if mask[row])}"
        for row in rows[:_SHOWN]
    ]
    if len(rows) > _SHOWN:
        listed.append(f"and {len(rows) - _SHOWN} more rows")
    raise ValueError("; ".join(listed))


def codes_of(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return codes as they were given.

    Raises
    ------
    ValueError
        If they are no numbers; truth values are none.
    """
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be codes, which are whole numbers, not {found.dtype}")
    return found
