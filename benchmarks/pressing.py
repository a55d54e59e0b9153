"""Raters who press as the page does, and a ledger of what they were told.

A press has a key, and one that got no answer is sent again with it, also to another server. What
becomes of the server, and what its file holds, is not known here.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

OUTCOMES: Final = ("model_a", "model_b", "tie", "both_bad")
LOOK_S: Final = 0.03  # between two looks at a battle that is streaming
TWICE: Final = 0.25  # share of presses that are sent two times at once
SAVED: Final = 200


@dataclass(frozen=True)
class Press:
    """One press of a vote button, which may be sent many times."""

    battle: str
    token: str
    outcome: str
    key: str

    def body(self) -> dict[str, str]:
        """Return what the page sends."""
        return {"token": self.token, "outcome": self.outcome, "key": self.key}


@dataclass
class Ledger:
    """What raters were told: the press behind each key, and its place in the log."""

    saved: dict[str, tuple[Press, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, press: Press, seq: int) -> None:
        """Note an acknowledgement; the same press has one place for ever."""
        known = self.saved.setdefault(press.key, (press, seq))
        if known[1] != seq:
            self.faults.append(f"key {press.key} was told place {known[1]}, then {seq}")
        self.first.set()


@dataclass
class Rater:
    """One browser: its cookie, the press it got no answer to, and the last one that was saved."""

    source: random.Random
    ledger: Ledger
    cookies: dict[str, str] = field(default_factory=dict)
    pending: Press | None = None
    last: Press | None = None

    async def rate(self, address: str) -> None:
        """Vote on battle after battle until the server is gone."""
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(
                base_url=address, cookies=self.cookies, trust_env=False, timeout=60
            ) as client:
                if not self.cookies:
                    await client.get("/")
                    self.cookies.update(client.cookies)
                for press in (self.last, self.pending):
                    if press is not None:
                        await self._send(client, press)
                while True:
                    await self._one_battle(client)

    async def _one_battle(self, client: httpx.AsyncClient) -> None:
        opened = await client.post("/api/battles", json={"prompt": "Is a bat a mammal?"})
        battle: dict[str, Any] = opened.json()
        while battle.get("state") == "streaming":
            await asyncio.sleep(LOOK_S)
            battle = (await client.get(f"/api/battles/{battle['battle_id']}")).json()
        if battle.get("state") != "ready":
            self.ledger.faults.append(f"a battle did not become ready: {battle}")
            return
        key = f"press-{self.source.getrandbits(96):024x}"
        outcome = self.source.choice(OUTCOMES)
        self.pending = Press(battle["battle_id"], battle["token"], outcome, key)
        times = 2 if self.source.random() < TWICE else 1
        await asyncio.gather(*(self._send(client, self.pending) for _ in range(times)))

    async def _send(self, client: httpx.AsyncClient, press: Press) -> None:
        answer = await client.post("/api/votes", json=press.body())
        if answer.status_code != SAVED:
            self.ledger.faults.append(f"key {press.key}: {answer.status_code} {answer.text}")
            return
        self.ledger.take(press, answer.json()["seq"])
        self.last, self.pending = press, None
