"""How a vote row comes to be: the rules that two requests could break together.

They run inside the transaction that adds the row, so whatever was true when they were checked is
true when the vote is durable. Who may open a battle, and what a rater sees, is not known here.
"""

import sqlite3
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection

from arena.errors import AlreadyVoted, BattleNotReady, NotAllowed
from arena.record.tables import WITHDRAWN
from ratings.votes import Outcome

# The vote's way is walked most often, so its statements go to the driver itself: through the layer
# above it each takes 30 microseconds more, which on a quick disk is more than the commit.
_BATTLE = """
SELECT battle.rater_id, ending.kind,
       (SELECT count(*) FROM turn WHERE turn.item_id = battle.item_id) * 2
     = (SELECT count(*) FROM item_response WHERE item_response.item_id = battle.item_id)
FROM battle LEFT JOIN ending ON ending.battle_id = battle.id
WHERE battle.id = ?
"""
_NEWEST_VOTE = """
SELECT seq, outcome FROM vote WHERE battle_id = ?
AND NOT EXISTS (SELECT 1 FROM vote AS later WHERE later.supersedes = vote.seq)
"""
_BY_KEY = "SELECT seq, battle_id, rater_id, outcome FROM vote WHERE key = ?"
_INSERT_VOTE = """
INSERT INTO vote (key, battle_id, rater_id, outcome, supersedes, dwell_ms, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True)
class NewVote:
    """A vote about to be cast; `key` is random for each press of a button."""

    key: str
    battle_id: str
    rater: str
    outcome: Outcome
    dwell_ms: int | None = None


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def has_vote(connection: Connection, battle_id: str) -> bool:
    """Tell whether a battle has a vote or had one that was withdrawn."""
    return _driver(connection).execute(_NEWEST_VOTE, (battle_id,)).fetchone() is not None


def _check_battle(driver: sqlite3.Connection, battle_id: str, rater: str) -> None:
    battle = driver.execute(_BATTLE, (battle_id,)).fetchone()
    if battle is None or battle[0] != rater:
        raise NotAllowed(f"Battle {battle_id} is not a battle of rater {rater}.")
    if battle[1] is not None:
        raise BattleNotReady(f"Battle {battle_id} ended as {battle[1]}.")
    if not battle[2]:
        raise BattleNotReady(f"Battle {battle_id} has no complete responses yet.")


def _check_in_force(driver: sqlite3.Connection, battle_id: str) -> None:
    newest = driver.execute(_NEWEST_VOTE, (battle_id,)).fetchone()
    if newest is not None and newest[1] == WITHDRAWN:
        raise BattleNotReady(f"The vote on battle {battle_id} was withdrawn.")


def append_vote(
    connection: Connection, vote: NewVote, now: int, *, correct: bool
) -> tuple[int, Outcome, bool]:
    """Add a vote row unless it is there.

    Returns
    -------
    tuple of int, Outcome and bool
        Its place in the log, the outcome in force, and whether the battle had no vote before.

    Raises
    ------
    NotAllowed, BattleNotReady, AlreadyVoted
        As `arena.record.store.Store.vote` says.
    """
    driver = _driver(connection)
    earlier = driver.execute(_BY_KEY, (vote.key,)).fetchone()
    if earlier is not None:
        if tuple(earlier[1:]) != (vote.battle_id, vote.rater, vote.outcome.value):
            raise AlreadyVoted(f"Another vote was cast with key {vote.key!r}.")
        _check_in_force(driver, vote.battle_id)
        return earlier[0], vote.outcome, False
    _check_battle(driver, vote.battle_id, vote.rater)
    newest = driver.execute(_NEWEST_VOTE, (vote.battle_id,)).fetchone()
    supersedes = None
    if newest is not None:
        _check_in_force(driver, vote.battle_id)
        seq, outcome = newest
        if outcome == vote.outcome.value:
            return seq, vote.outcome, False
        if not correct:
            raise AlreadyVoted(f"Battle {vote.battle_id} has the vote {outcome} in force.")
        supersedes = seq
    added = driver.execute(
        _INSERT_VOTE,
        (
            vote.key,
            vote.battle_id,
            vote.rater,
            vote.outcome.value,
            supersedes,
            vote.dwell_ms,
            now,
        ),
    )
    return _seq(added), vote.outcome, newest is None


def append_withdrawal(
    connection: Connection, battle_id: str, rater: str, key: str, now: int
) -> tuple[int, bool]:
    """Add a row that takes the vote on a battle back; return its place, and if it is added now.

    Raises
    ------
    NotAllowed, BattleNotReady, AlreadyVoted
        As `arena.record.store.Store.withdraw` says.
    """
    driver = _driver(connection)
    _check_battle(driver, battle_id, rater)
    newest = driver.execute(_NEWEST_VOTE, (battle_id,)).fetchone()
    if newest is None:
        raise BattleNotReady(f"Battle {battle_id} has no vote to withdraw.")
    seq, outcome = newest
    if outcome == WITHDRAWN:
        return int(seq), False
    if driver.execute(_BY_KEY, (key,)).fetchone() is not None:
        raise AlreadyVoted(f"A vote was cast with key {key!r}.")
    row = (key, battle_id, rater, WITHDRAWN, seq, None, now)
    return _seq(driver.execute(_INSERT_VOTE, row)), True


def _seq(added: sqlite3.Cursor) -> int:
    return int(added.lastrowid or 0)
