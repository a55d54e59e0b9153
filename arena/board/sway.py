"""What sways raters besides the models, in points: seat A, a longer response.

An association is not a cause: better responses may be longer. How the points are found is in
`ratings.biases`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsqr

from ratings.biases import biases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratings.votes import Votes

LENGTH: Final = "twice the length"
MOST: Final = 200_000  # votes: beyond, finding it would take longer than the ratings do
FEWEST: Final = 100  # votes: with fewer the interval says nothing
LEAST: Final = 1e-6  # of the variation of lengths that is not the models' own


@dataclass(frozen=True)
class Swayed:
    """What one thing is worth to the response that has it, in points, with its 95 % interval."""

    by: str  # "seat A" or `LENGTH`
    points: float
    lower: float
    upper: float
    votes: int

    @property
    def sure(self) -> bool:
        """Whether it is more than luck."""
        return self.lower > 0 or self.upper < 0


def _varies(votes: "Votes", doublings: "NDArray[np.float64]") -> bool:
    """Tell whether lengths vary but by model; else they cannot be told from how good models are."""
    rows, ones = np.arange(len(votes)), np.ones(len(votes))
    places = np.tile(rows, 2), np.concatenate([votes.a, votes.b])
    design = csr_array(
        (np.concatenate([ones, -ones]), places), shape=(len(rows), len(votes.models))
    )
    left_over = lsqr(design, doublings)[3]
    return bool(left_over**2 > LEAST * (doublings @ doublings))


def swayed_by(votes: "Votes", doublings: "NDArray[np.float64] | None" = None) -> tuple[Swayed, ...]:
    """Return what the seat is worth and, where lengths are known, what twice the length is.

    `doublings` is how often seat A's response is twice as long as seat B's; nan where unknown.
    """
    if not FEWEST <= len(votes) <= MOST:
        return ()
    columns: dict[str, NDArray[np.float64]] = {}
    if doublings is not None:
        known = np.isfinite(doublings)
        if known.sum() >= max(FEWEST, len(votes) / 2):
            measured, column = votes.take(known), doublings[known]
            if _varies(measured, column):
                votes, columns = measured, {LENGTH: column}
    try:
        found = biases(votes, columns)
    except ValueError:  # a column that tells winners without fail has no finite size
        return ()
    return tuple(
        Swayed(name, float(points), float(lower), float(upper), len(votes))
        for name, points, lower, upper in zip(
            found.names, found.points, found.lower, found.upper, strict=True
        )
    )
