"""Whether the server of a model is there, by what came of asking it.

One that is away cannot serve until a response comes all the same. Whoever holds its engine may ask
again after a while; who does not is not to find out with a battle. Knows no connection.
"""

import math
from typing import Final

from serving.watch import Watch

STRIKES: Final = 3  # times that asking came to nothing before a server is left alone
MOMENT_S: Final = 2.0  # seconds in which questions that are cut off together come to nothing
LEFT_ALONE_S: Final = 15.0  # seconds before it is asked again by who still holds its engine


class Presence:
    """There until it was missed too often."""

    def __init__(self) -> None:
        self._strikes = 0
        self._struck = -math.inf
        self._rests_until = 0.0
        self.away: str | None = None
        """None, or why it is taken to be away."""

    @property
    def left_alone(self) -> bool:
        """Whether it is not to be asked now."""
        return self.away is not None and Watch().now < self._rests_until

    def seen(self) -> None:
        """Note that it is there, also where a response comes late."""
        self._strikes, self.away, self._rests_until = 0, None, 0.0

    def missed(self, cause: str, strikes: int = 1, *, asked: float = math.inf) -> None:
        """Note that asking came to nothing, and when that was on the loop's clock.

        What was asked before the last strike and is lost in the same moment was cut off with it.
        """
        if (now := Watch().now) < self._rests_until:
            return  # it was asked before the rest began, and does not lengthen it
        if strikes == 1 and asked < self._struck and now - self._struck < MOMENT_S:
            return
        self._struck = now
        self._strikes += strikes
        if self._strikes >= STRIKES:
            self.away, self._rests_until = cause, now + LEFT_ALONE_S
