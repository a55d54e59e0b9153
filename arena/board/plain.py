"""Values as JSON has them: no nan, no number types of numpy, whole numbers whole."""

import math
from typing import Any, Final

import numpy as np
import pandas as pd

_WHOLE: Final = frozenset(
    {"rank", "rank_low", "rank_high", "rank_low_all", "rank_high_all", "group"}
    | {"votes", "wins", "losses", "ties", "both_bad"}
)


def plain(value: Any) -> Any:  # noqa: ANN401  # anything that JSON can say
    """Return a value as JSON has it: null for what is not a number, Python's own numbers."""
    if isinstance(value, dict):
        return {str(name): _whole(str(name), plain(entry)) for name, entry in value.items()}
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _whole(name: str, value: Any) -> Any:  # noqa: ANN401  # a number or anything else
    return int(value) if name in _WHOLE and isinstance(value, float) else value
