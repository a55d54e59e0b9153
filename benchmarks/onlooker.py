"""Reads the public leaderboard before a battle, when it is ready, and after its vote.

A browser gets the leaderboard at any time, so it may not move from the opening of a battle to its
vote: whoever subtracts two tables would know the models, whatever the words of the answers are.
This rater is alone on the server, so whatever moves is told of this battle alone. The control is
the vote: after it failure rates must have moved in some battle, or nothing could have been seen.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

PAGE: Final = "/leaderboard"
FILES: Final = ("", "/table.json", "/table.csv", "/votes.csv")
LOOK_S: Final = 0.1  # seconds between two looks


@dataclass
class Seen:
    """What the leaderboard told in some battles."""

    battles: int = 0
    void: int = 0
    told: list[str] = field(default_factory=list)
    votes: int = 0
    rates_moved: int = 0

    @property
    def said(self) -> str:
        """All of it in a line."""
        return (
            f"beside {self.battles} battles ({self.void} of them void) the leaderboard moved "
            f"{len(self.told)} times before the vote; failure rates moved after {self.rates_moved} "
            f"of {self.votes} votes (control)"
        )


class Onlooker:
    """A rater who looks at the leaderboard beside each battle."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.seen = Seen()

    async def _json(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        method = "GET" if body is None else "POST"
        answer = await self._client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()

    async def _settled(self) -> dict[str, float]:
        """Wait until every number is of the newest votes; return each model's failure rate."""
        while True:
            page = await self._client.get(PAGE)
            if "refresh" not in page.headers:
                board = await self._json(f"{PAGE}/table.json")
                if board["as_of"] is None:
                    return {row["model"]: row["failure_rate"] for row in board["rows"]}
            await asyncio.sleep(LOOK_S)

    async def _public(self) -> dict[str, bytes]:
        return {file: (await self._client.get(PAGE + file)).content for file in FILES}

    async def battle(self, prompt: str) -> None:
        """Look before a battle and when it is ready, vote, and look again."""
        rates, before = await self._settled(), await self._public()
        view = await self._json("/api/battles", {"prompt": prompt})
        battle = view["battle_id"]
        while view["state"] == "streaming":
            await asyncio.sleep(LOOK_S)
            view = await self._json(f"/api/battles/{battle}")
        self.seen.battles += 1
        self.note(before, await self._public())
        if view["state"] != "ready":
            self.seen.void += 1
            return
        press = {"token": view["token"], "outcome": "tie", "key": secrets.token_hex(16)}
        await self._json("/api/votes", press)
        self.seen.votes += 1
        self.seen.rates_moved += await self._settled() != rates

    def note(self, before: dict[str, bytes], later: dict[str, bytes]) -> None:
        """Keep what moved before the vote."""
        moved = [file for file in before if later[file] != before[file]]
        self.seen.told += [f"{PAGE}{file} moved while a battle was open" for file in moved]


async def watched(address: str, prompts: Sequence[str]) -> Seen:
    """Watch the leaderboard of a server that nobody else visits, beside a battle a prompt."""
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as client:
        await client.get("/")
        onlooker = Onlooker(client)
        for prompt in prompts:
            await onlooker.battle(prompt)
    return onlooker.seen


def faults_of_boards(seen: Seen) -> list[str]:
    """Return what the leaderboard told, and what makes the look itself doubtful."""
    faults = sorted(set(seen.told))
    if not seen.rates_moved:
        faults.append(
            f"after {seen.votes} votes no failure rate moved on the leaderboard, "
            "so this look could have missed a leak"
        )
    return faults
