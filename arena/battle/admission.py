"""What a rater may ask for: how long a prompt, how many battles at one time, which votes.

It knows prompts, counts and what a press of a button says. Which battle they belong to, and what
becomes of it, is decided by `arena.battle.battles`.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Final

from arena.errors import PromptRefused, TooMany, VoteRefused
from arena.settings import Limits
from ratings.votes import Outcome
from serving.bound import bytes_of

AT_ONCE: Final = 500  # battles that may stream at one time, whoever opened them
WAIT_S: Final = 5.0  # after so many seconds one of them has ended
MINUTE_S: Final = 60.0
KEY_CHARACTERS: Final = (8, 128)  # shortest and longest key of a press that is taken


class Admission:
    """Counts what raters ask for, against the limits of one server."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._bound = math.inf
        self._clock = clock
        # When raters opened battles within the last minute; who did so longest ago comes first.
        self._opened: OrderedDict[str, deque[float]] = OrderedDict()

    def set_bound(self, bound: float) -> None:
        """Set the bytes of conversation that every model can hear, before the first battle."""
        self._bound = bound

    def prompt(self, prompt: str) -> str:
        """Return a prompt as it is stored and sent.

        Raises
        ------
        PromptRefused
            If it is empty or too long.
        """
        # Halves of a character come from broken clients, and no database takes them.
        prompt = prompt.encode("utf-8", "replace").decode().replace("\0", "").strip()
        most = self._limits.prompt_characters
        if not prompt:
            raise PromptRefused("The prompt is empty.", "empty")
        if len(prompt) > most:
            raise PromptRefused(f"The prompt has {len(prompt)} characters of {most}.", "long")
        if bytes_of([prompt]) > self._bound:
            raise PromptRefused("The prompt is longer than the roster has room for.", "long")
        return prompt

    def turn(self, turns: int) -> None:
        """Admit one more turn to a battle that has so many.

        Raises
        ------
        PromptRefused
            If these are the most it may have.
        """
        if turns >= self._limits.turns:
            raise PromptRefused(f"The battle has its {turns} turns.", "turns")

    def conversations(self, *conversations: Iterable[str]) -> None:
        """Admit what both models are to hear, whoever they are.

        Raises
        ------
        PromptRefused
            If one is longer than what every model of the roster can hear.
        """
        if any(bytes_of(texts) > self._bound for texts in conversations):
            raise PromptRefused("The conversation fills the smallest context.", "full")

    def battle(self, rater: str, streaming: int) -> None:
        """Admit one more battle of a rater, while so many stream.

        Raises
        ------
        TooMany
            If this rater opened too many within a minute, or too many stream.
        """
        now = self._clock()
        self._forget(now - MINUTE_S)
        opened = self._opened.setdefault(rater, deque())
        while opened and opened[0] <= now - MINUTE_S:
            opened.popleft()
        if len(opened) >= self._limits.battles_per_minute:
            raise TooMany("Too many battles within a minute.", opened[0] + MINUTE_S - now)
        opened.append(now)
        self._opened.move_to_end(rater)
        if streaming >= AT_ONCE:
            raise TooMany("Too many battles are streaming.", WAIT_S)

    def _forget(self, until: float) -> None:
        """Forget raters who opened their last battle by then: they never come again, perhaps."""
        while self._opened:
            rater, opened = next(iter(self._opened.items()))
            if opened[-1] > until:
                return
            del self._opened[rater]


def outcome_of(said: str) -> Outcome:
    """Return the outcome that a press of a button says.

    Raises
    ------
    VoteRefused
        If it is none.
    """
    try:
        return Outcome(said)
    except ValueError:
        raise VoteRefused(f"{said[:40]!r} is no outcome.") from None


def check_key(key: str) -> None:
    """Refuse a key that no page of ours makes.

    Raises
    ------
    VoteRefused
        If it is too short, too long, or cannot be printed.
    """
    shortest, longest = KEY_CHARACTERS
    if not (shortest <= len(key) <= longest and key.isascii() and key.isprintable()):
        raise VoteRefused(f"A key has {shortest} to {longest} printable ASCII characters.")
