"""A leaderboard to visit without a server: its pages, and the log it stands on."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI

from arena.record.store import Store
from arena.shipped import shipped
from arena.votelog import load_votes
from arena.web.board_page import board_routes
from arena.web.guard import Guard
from arena.web.shell import Shell


def served_app(log: Path) -> Guard:
    app = FastAPI()
    shell = Shell("Evenhand")
    app.mount(shell.assets, shell.files())
    app.include_router(board_routes(shell, log))
    return Guard(app)


def peoples_log(folder: Path, **changes: Any) -> Path:  # noqa: ANN401  # any column
    """Write the simulated log as if people had voted; `changes` are columns."""
    log = load_votes(shipped("votes/simulated.csv")).assign(rater_kind="human", **changes)
    log.to_csv(folder / "live.csv", index=False)
    return folder / "live.csv"


@dataclass(frozen=True)
class Site:
    """A leaderboard under test and the log it stands on."""

    client: httpx.AsyncClient
    log: Path

    async def page(self, address: str = "/leaderboard", **headers: str) -> str:
        answer = await self.client.get(address, headers=headers)
        while "Refresh" in answer.headers:  # the first board takes its time
            answer = await self.client.get(address, headers=headers)
        assert answer.status_code == 200
        return answer.text


def empty_file(folder: Path) -> Path:
    """Write a log without a vote."""
    log = folder / "none.jsonl"
    log.write_text("", encoding="utf-8")
    return log


def empty_database(folder: Path) -> Path:
    """Make a database as a server finds it at its first start."""
    Store(folder / "none.db").close()
    return folder / "none.db"


NOTHING: Final[tuple[Callable[[Path], Path], ...]] = (empty_file, empty_database)


@asynccontextmanager
async def visiting(log: Path) -> AsyncIterator[Site]:
    """Serve a log in this process."""
    transport = httpx.ASGITransport(served_app(log))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Site(client, log)
