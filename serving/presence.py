"""Whether the server of a model is there, by what came of asking it.

One that is away cannot serve until a response comes all the same. Whoever holds its engine may ask
again after a while; who does not is not to find out with a battle. Knows no connection.
"""

from typing import Final

from serving.watch import Watch

STRIKES: Final = 3  # times that asking came to nothing before a server is left alone
LEFT_ALONE_S: Final = 15.0  # seconds before it is asked again by who still holds its engine


class Presence:
    """There until it was missed too often."""

    def __init__(self) -> None:
        self._strikes = 0
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

    def missed(self, cause: str, strikes: int = 1) -> None:
        """Note that asking came to nothing."""
        if (now := Watch().now) < self._rests_until:
            return  # it was asked before the rest began, and does not lengthen it
        self._strikes += strikes
        if self._strikes >= STRIKES:
            self.away, self._rests_until = cause, now + LEFT_ALONE_S
