"""How a vote row comes to be: the rules that two requests could break together.

They run inside the transaction that adds the row, so whatever was true when they were checked is
true when the vote is durable. Who may open a battle, and what a rater sees, is not known here.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from arena.errors import AlreadyVoted, BattleNotReady, NotAllowed
from arena.tables import WITHDRAWN
from ratings.votes import Outcome

# The vote's way is walked most often, so its statements go to the driver as they are.
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


def has_vote(connection: Connection, battle_id: str) -> bool:
    """Tell whether a battle has a vote or had one that was withdrawn."""
    return connection.exec_driver_sql(_NEWEST_VOTE, (battle_id,)).first() is not None


def _check_battle(connection: Connection, battle_id: str, rater: str) -> None:
    battle = connection.exec_driver_sql(_BATTLE, (battle_id,)).first()
    if battle is None or battle[0] != rater:
        raise NotAllowed(f"Battle {battle_id} is not a battle of rater {rater}.")
    if battle[1] is not None:
        raise BattleNotReady(f"Battle {battle_id} ended as {battle[1]}.")
    if not battle[2]:
        raise BattleNotReady(f"Battle {battle_id} has no complete responses yet.")


def append_vote(
    connection: Connection, vote: NewVote, now: int, *, correct: bool
) -> tuple[int, Outcome]:
    """Add a vote row unless it is there; return its place in the log and the outcome in force.

    Raises
    ------
    NotAllowed, BattleNotReady, AlreadyVoted
        As `arena.store.Store.vote` says.
    """
    earlier = connection.exec_driver_sql(_BY_KEY, (vote.key,)).first()
    if earlier is not None:
        if tuple(earlier[1:]) != (vote.battle_id, vote.rater, vote.outcome.value):
            raise AlreadyVoted(f"Another vote was cast with key {vote.key!r}.")
        return earlier[0], vote.outcome
    _check_battle(connection, vote.battle_id, vote.rater)
    newest = connection.exec_driver_sql(_NEWEST_VOTE, (vote.battle_id,)).first()
    supersedes = None
    if newest is not None:
        seq, outcome = newest
        if outcome == WITHDRAWN:
            raise BattleNotReady(f"The vote on battle {vote.battle_id} was withdrawn.")
        if outcome == vote.outcome.value:
            return seq, vote.outcome
        if not correct:
            raise AlreadyVoted(f"Battle {vote.battle_id} has the vote {outcome} in force.")
        supersedes = seq
    seq = connection.exec_driver_sql(
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
    ).lastrowid
    return seq, vote.outcome


def append_withdrawal(
    connection: Connection, battle_id: str, rater: str, key: str, now: int
) -> int:
    """Add a row that takes the vote on a battle back; return its place in the log.

    Raises
    ------
    NotAllowed, BattleNotReady
        As `arena.store.Store.withdraw` says.
    """
    _check_battle(connection, battle_id, rater)
    newest = connection.exec_driver_sql(_NEWEST_VOTE, (battle_id,)).first()
    if newest is None:
        raise BattleNotReady(f"Battle {battle_id} has no vote to withdraw.")
    seq, outcome = newest
    if outcome == WITHDRAWN:
        return int(seq)
    return connection.exec_driver_sql(
        _INSERT_VOTE, (key, battle_id, rater, WITHDRAWN, seq, None, now)
    ).lastrowid
