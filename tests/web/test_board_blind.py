"""A public leaderboard tells nothing of a battle that can still be voted on."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from arena.record.casting import NewVote
from arena.record.entering import NewBattle, NewItem, NewResponse
from arena.record.store import Store
from arena.record.tables import EndingKind
from ratings.votes import Outcome
from tests.web.board_site import Site, visiting

FILES = ("", "/table.json", "/table.csv", "/votes.csv", "/votes.parquet")
MODELS = ("oak", "pine", "elm")


async def show(store: Store, number: int, *said: str) -> NewVote:
    """Show a battle of two models that said this; return the vote that can be cast on it."""
    names = [MODELS[number % 3], MODELS[(number + 1) % 3]]
    x, y = [await store.know_model(name, "1", "nf4", {}) for name in names]
    await store.know_rater("ada")
    item = NewItem(f"i{number}", x, y, "Is a bat a mammal?", "en")
    battle = NewBattle(f"b{number}", item.id, "ada", True, True, "paced", 1.0)  # noqa: FBT003
    await store.open_battle(item, battle)
    sides = zip("xy", (x, y), said, strict=True)
    responses = [NewResponse(seat, m, text, "stop", 2, 0.1, 0.1, 1) for seat, m, text in sides]
    await store.save_responses(item.id, 0, responses)
    return NewVote(f"key-{number:04}", battle.id, "ada", Outcome.TIE)


async def public(site: Site) -> dict[str, str]:
    """Return a digest of everything that the leaderboard gives to anybody."""
    got = {}
    for file in FILES:
        answer = await site.client.get(f"/leaderboard{file}")
        assert answer.status_code == 200
        got[file] = hashlib.sha256(answer.content).hexdigest()
    return got


async def settled(site: Site) -> dict[str, float]:
    """Wait until every number is of the newest votes; return each model's failure rate."""
    while True:
        await site.page()
        board = (await site.client.get("/leaderboard/table.json")).json()
        if board["as_of"] is None:
            return {row["model"]: row["failure_rate"] for row in board["rows"]}
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("ending", [None, *EndingKind])
async def test_no_byte_moves_from_the_opening_of_a_battle_to_its_vote(
    tmp_path: Path, ending: EndingKind | None
) -> None:
    store = Store(tmp_path / "arena.db")
    for number in range(6):
        await store.vote(await show(store, number, "Yes.", "No."))
    async with visiting(store.path) as site:
        assert await settled(site) == dict.fromkeys(MODELS, 0.0)
        before = await public(site)
        vote = await show(store, 6, "", "No.")
        assert await public(site) == before
        if ending is None:
            await store.vote(vote)
            assert await settled(site) == {"oak": 0.2, "pine": 0.0, "elm": 0.0}
            assert await public(site) != before
        else:
            await store.end_battle(vote.battle_id, ending)
            assert await public(site) == before
    store.close()
