"""The whole site of a running arena: the battle page and the leaderboard under one roof."""

from fastapi import FastAPI

from arena.running import Arena
from arena.web.app import create_app


def site(arena: Arena) -> FastAPI:
    """Return the application that serves an arena."""
    return create_app(arena.settings, arena.battles, arena.signer, bank=arena.bank)
