"""How far ratings explain the votes, as programs and people read it.

How it is found is in `ratings.calibration`; what a page or a terminal makes of it is not known
here.
"""

from typing import Any

import numpy as np

from ratings.calibration import Calibration, HeldOut


def judged(found: Calibration, unseen: HeldOut) -> dict[str, Any]:
    """Return the figures under names that say what they are."""
    return {
        "pairs": found.pairs,
        "mad": found.mad,
        "floor": found.floor,
        "dispersion": found.dispersion,
        "lack_of_fit": {"chi_square": found.chi_square, "df": found.df, "p": found.p},
        "stand_out": int(np.triu(found.stands_out).sum()),
        "circles": {
            "triples": found.triples,
            "intransitive": found.cycles,
            "certain": found.certain_cycles,
            "example": found.surest_cycle,
        },
        "held_out": vars(unseen),
    }
