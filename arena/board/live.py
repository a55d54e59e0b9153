"""The boards of live battles for a running server: one more vote costs the same at any number.

The newest votes are in every rating, count and rank at once. What takes every vote to make
(`arena.board.whole`) is made when somebody asks for it to be, and shown until it is made again.
When that is, and on which thread, is not known here.
"""

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from arena.board.choice import LIVE, Choice
from arena.board.making import board_from
from arena.board.table import Behind, Board
from arena.board.tally import Tally, counted, shares
from arena.board.whole import Whole
from arena.errors import LogError
from arena.votelog import VoteLog, followed
from ratings.live import LiveBoard
from ratings.rows import RankBy
from ratings.votes import Outcome

if TYPE_CHECKING:
    from arena.record.logtail import Cast

EVERYTHING = Choice(study=LIVE)

About = tuple[str | None, str | None]  # the aspect and the language of a vote, where named


@dataclass(frozen=True, eq=False)
class Standing:
    """Where the votes stand: what is said of those that count, and their ratings."""

    tally: Tally
    live: LiveBoard
    changes: int  # of votes, up to here


@dataclass(frozen=True, eq=False)
class Settled:
    """What takes every vote, as it was last made; `whole` is None where nothing counts."""

    log: VoteLog
    seen: object
    changes: int
    whole: Whole | None


class LiveBoards:
    """The boards of the live battles of one database, or of a file of votes.

    Every method may be called from any thread.
    """

    def __init__(self, place: str | Path) -> None:
        self._place = place
        self._tail = followed(place)
        self._seen: object = None  # up to where everything is taken in
        self._changes = 0  # how often votes were cast or changed: a correction changes no count
        self._recount = True  # what was looked at is not all taken in
        self._standing: Standing | None = None  # nothing counts
        self._about: frozenset[About] = frozenset()  # what votes are about that count somewhere
        self._settled: Settled | None = None
        self._boards: dict[RankBy, tuple[Standing, Whole, Board]] = {}
        self._looking = threading.Lock()
        self._making = threading.Lock()

    @property
    def aspects(self) -> tuple[str, ...]:
        """The aspects that votes are about."""
        return tuple(sorted({aspect for aspect, _ in self._about if aspect}))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that votes are about."""
        return tuple(sorted({language for _, language in self._about if language}))

    def has(self, choice: Choice) -> bool:
        """Return whether any vote that counts is about an aspect and a language, settled or not."""
        return any(
            choice.aspect in {None, aspect} and choice.language in {None, language}
            for aspect, language in self._about
        )

    @property
    def ready(self) -> bool:
        """Whether there is a first board, or it is known that there is none."""
        return self._settled is not None

    @property
    def settled(self) -> bool:
        """Whether what takes every vote was made of the votes that were last looked at."""
        return self._settled is not None and self._settled.seen == self._seen

    @property
    def last_settled(self) -> Settled | None:
        """What takes every vote; another one whenever it is made again."""
        return self._settled

    def outdates(self, settled: Settled) -> bool:
        """Return whether votes were cast or changed since."""
        return settled.changes != self._changes

    def follow(self) -> None:
        """Take in what is new.

        Raises
        ------
        ArenaError
            If the source cannot be read.
        """
        with self._looking:
            if self._tail.gone:
                self._tail = followed(self._place)
                self._seen, self._recount = None, True
            news = self._tail.look()
            if self._tail.seen == self._seen:
                return
            recount = self._recount or news is None
            self._changes += recount or any(vote.study is None for vote in news or ())
            self._recount = True  # until it is done: the tail gives its news only once
            if recount or not self._take(news or []):
                self._count()
            self._recount, self._seen = False, self._tail.seen

    def _take(self, news: "list[Cast]") -> bool:
        """Add votes to what was counted; False where they change more than counts."""
        if self._standing is None:
            return False
        tally, live = self._standing.tally, self._standing.live
        failures = shares(self._tail.failures, EVERYTHING, tally.raters)
        models = set(live.counts.models)
        for vote in news:
            if vote.study is not None:
                continue
            if not (tally.takes(vote) and {vote.model_a, vote.model_b} <= models):
                return False
            live = live.after(vote.model_a, vote.model_b, Outcome(vote.winner))
            tally = tally.after(vote)
            self._about |= {(vote.aspect or None, vote.language or None)}
        self._standing = Standing(tally.failing(failures), live, self._changes)
        return True

    def _count(self) -> None:
        """Count everything again, from memory."""
        log = self._snapshot()
        self._about = _about(EVERYTHING.of(log.votes))
        try:
            tally, votes, _ = counted(log, EVERYTHING)
        except LogError:
            self._standing = None
        else:
            self._standing = Standing(tally, LiveBoard.of(votes), self._changes)

    def _snapshot(self) -> VoteLog:
        return VoteLog(str(self._place), *self._tail.votes(), self._tail.failures)

    def settle(self) -> None:
        """Make what takes every vote, of the votes that were last looked at."""
        with self._looking:
            log, seen, changes = self._snapshot(), self._seen, self._changes
        made = _made(log, EVERYTHING)
        self._settled = Settled(log, seen, changes, None if made is None else made[1])

    def board(self, rank_by: RankBy) -> Board | None:
        """Return the board of all live battles up to the last look; None where nothing counts."""
        with self._making:
            standing, settled = self._standing, self._settled
            if standing is None or settled is None or settled.whole is None:
                return None
            whole = settled.whole
            last = self._boards.get(rank_by)
            if last is not None and last[0] is standing and last[1] is whole:
                return last[2]
            live = standing.live
            if last is not None and last[2].made.fit.models == live.counts.models:
                live = replace(live, start=last[2].made.fit.ratings)
            behind: Behind | None = None if standing.changes == settled.changes else "whole"
            board, _ = board_from(standing.tally, live, whole, rank_by, behind)
            self._boards[rank_by] = standing, whole, board
            return board

    def chosen(self, choice: Choice, rank_by: RankBy) -> Board | None:
        """Return the board of one aspect or language, of the votes that were settled last."""
        settled = self._settled
        made = None if settled is None else _made(settled.log, choice)
        if settled is None or made is None:
            return None
        tally, whole = made
        behind: Behind | None = "everything" if self.outdates(settled) else None
        board, _ = board_from(tally, whole.live, whole, rank_by, behind)
        return board


def _about(votes: pd.DataFrame) -> frozenset[About]:
    """Return which pairs of aspect and language there are among votes that are blind."""
    if not len(votes):
        return frozenset()
    blind = votes.loc[votes["anony"].to_numpy(), ["aspect", "language"]].drop_duplicates()
    said = blind.astype("object").where(blind.notna(), None)
    return frozenset(said.itertuples(index=False, name=None))


def _made(log: VoteLog, choice: Choice) -> tuple[Tally, Whole] | None:
    """Return what is said of votes, and all that every vote is needed for; None for no votes."""
    try:
        tally, votes, doublings = counted(log, choice)
    except LogError:
        return None
    whole = Whole(votes, doublings)
    _ = (whole.uncertainty, whole.bands, whole.agreement, whole.held_out, whole.swayed)
    _ = (whole.chances("rating"), whole.chances("elo"))
    return tally, whole
