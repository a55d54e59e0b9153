"""Where the cycles stand, from what the record says of battles and models so far.

A start knows the votes in force, when their battles were opened, and when each model came into the
record. That is enough to go through the cycles again as they were: a pair that is drawn although it
has come in the running cycle shows that the next one had begun. So a restart changes nothing: a
model that was new stays where it joined, however often a server is started, and what a model missed
is neither lost nor owed anew. Three things are forgotten: that a model sat out because it kept
failing (it is owed those battles then), how early a cycle has ended for one model alone (with a
restart before every battle, pairs of three models may end two or three votes apart), and battles
that nobody has voted on (where a server ends with more of each pair open than are made up for, and
does so again and again, pairs end some votes apart). Where the record lies is not known here.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from arena.pairing.cycles import Cycles, pair_of


class What(StrEnum):
    """What happened."""

    JOINED = "joined"
    """A model came into the record; `y` is the same model."""
    OPENED = "opened"
    """Two models were drawn for a battle that has a vote in force now."""
    VOTED = "voted"
    """That vote was cast."""


class Event(NamedTuple):
    """Something that happened to one or two models."""

    what: What
    x: str
    y: str


def resumed(models: Iterable[str], past: Iterable[Event]) -> Cycles:
    """Return a roster's cycles as they stand after these events of its models, oldest first."""
    cycles = Cycles()
    for what, x, y in past:
        cycles.join(x)
        cycles.join(y)  # a clock may have been set back between two events
        if what is What.OPENED:
            cycles.redraw(pair_of(x, y))
        elif what is What.VOTED:
            cycles.revote(pair_of(x, y))
    for model in models:
        cycles.join(model)
    return cycles
