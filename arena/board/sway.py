"""What sways raters besides the models, in points: seat A, a longer response.

An association is not a cause: better responses may be longer. How the points are found is in
`ratings.biases`.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ratings.biases import biases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratings.votes import Votes

LENGTH: Final = "twice the length"
MOST: Final = 200_000  # votes: beyond, finding it would take longer than the ratings do
FEWEST: Final = 100  # votes: with fewer the interval says nothing


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


def swayed_by(votes: "Votes", doublings: "NDArray[np.float64] | None" = None) -> tuple[Swayed, ...]:
    """Return what the seat is worth and, where lengths are known, what twice the length is.

    `doublings` is how often seat A's response is twice as long as seat B's; nan where unknown.
    """
    if not FEWEST <= len(votes) <= MOST:
        return ()
    attempts: list[tuple[Votes, dict[str, NDArray[np.float64]]]] = [(votes, {})]
    if doublings is not None:
        known = np.isfinite(doublings)
        if known.sum() >= max(FEWEST, len(votes) / 2):
            attempts.insert(0, (votes.take(known), {LENGTH: doublings[known]}))
    for counted, columns in attempts:
        # One that tells winners without fail has no size, nor one that only tells the models.
        with suppress(ValueError):
            found = biases(counted, columns)
            return tuple(
                Swayed(name, float(points), float(lower), float(upper), len(counted))
                for name, points, lower, upper in zip(
                    found.names, found.points, found.lower, found.upper, strict=True
                )
            )
    return ()
