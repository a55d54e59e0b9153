"""What the pages need of `arena.battle.battles`, as a type: the seam at which a fake may stand in.

Every method may raise an `ArenaError`; `arena.web.refusals` says what a rater then reads.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from arena.battle.views import BattleView, Frame, Receipt


class Flow(Protocol):
    """Open, stream, vote, reveal: see `arena.battle.battles.Battles`."""

    async def open(
        self,
        rater: str,
        prompt: str,
        *,
        question_id: str | None = None,
        language: str = "en",
    ) -> BattleView:
        """Draw two models and their seats, and let them respond."""

    def stream(self, battle_id: str, rater: str) -> AsyncIterator[Frame]:
        """Follow the newest turn, both seats at one pace, until both are done.

        The newest frame comes again and again while nothing is new.
        """

    async def view(self, battle_id: str, rater: str) -> BattleView:
        """Return what this rater may see of a battle of theirs."""

    async def current(self, rater: str) -> BattleView | None:
        """Return the battle a reloaded page resumes."""

    async def follow_up(self, token: str, rater: str, prompt: str) -> BattleView:
        """Ask both models once more, before the vote."""

    async def vote(
        self, token: str, outcome: str, key: str, rater: str, dwell_ms: int | None = None
    ) -> Receipt:
        """Take a vote; returns once it is on the disk."""

    async def withdraw(self, battle_id: str, rater: str, key: str) -> Receipt:
        """Take a vote back."""

    async def skip(self, battle_id: str, rater: str, reason: str = "") -> None:
        """Close a battle without a vote."""
