"""The whole site of a running arena: the battle page and the leaderboard under one roof."""

from fastapi import FastAPI

from arena.running import Arena
from arena.web.app import create_app
from arena.web.board_page import board_routes
from arena.web.shell import Shell


def site(arena: Arena) -> FastAPI:
    """Return the application that serves an arena."""
    shell = Shell(arena.settings.arena.title)
    return create_app(
        arena.settings,
        arena.battles,
        arena.signer,
        bank=arena.bank,
        shell=shell,
        health=lambda: "The database cannot be written." if arena.store.trouble() else None,
        routers=[board_routes(shell, arena.store.path)],
    )
