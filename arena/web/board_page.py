"""The leaderboard page at `/leaderboard`, and what can be downloaded from it.

Live battles only: a study's board belongs to its admins. The page is HTML and SVG from the server;
heat maps are drawn in the browser by the plotly script that is installed here. How a board is
computed is not known here.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from arena.board import LIVE, Board, Choice, RankBy
from arena.board.live import EVERYTHING, LiveBoards
from arena.board.making import counted_votes
from arena.charts.heat import drawing, plotly_script
from arena.web.board_downloads import table_csv, table_json, votes_file
from arena.web.board_view import aspect_name, board_view, language_name
from arena.web.board_words import board_words
from arena.web.boards import Boards, example_board
from arena.web.shell import Shell, language_of

PAGE: Final = "/leaderboard"
_SCRIPTS: Final = "/leaderboard/scripts"
_AGAIN_S: Final = 2  # seconds after which a page that had nothing to show yet asks again
_FAILED_S: Final = 10  # the same where it could not be made
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True)
class Wish:
    """What a visitor wants to see, as far as there is such a thing."""

    aspect: str | None
    language: str | None
    rank_by: RankBy

    @property
    def choice(self) -> Choice:
        """The votes that it is about."""
        return Choice(study=LIVE, aspect=self.aspect, language=self.language)

    def address(self, page: str = PAGE, *, other: dict[str, str | None] | None = None) -> str:
        """Return the address of a page with this wish, changed in some respect."""
        parts = {"aspect": self.aspect, "language": self.language, "by": _said(self.rank_by)}
        parts |= other or {}
        query = {name: value for name, value in parts.items() if value is not None}
        return f"{page}?{urlencode(query)}" if query else page


def _said(rank_by: RankBy) -> str | None:
    return "elo" if rank_by == "elo" else None


def _wish(request: Request, kept: LiveBoards) -> Wish:
    """Return what a request asks for; what no vote is about is left out."""
    asked = request.query_params
    aspect, language = asked.get("aspect"), asked.get("language")
    return Wish(
        aspect if aspect in kept.aspects else None,
        language if language in kept.languages else None,
        "elo" if asked.get("by") == "elo" else "rating",
    )


def board_routes(shell: Shell, place: str | Path) -> APIRouter:
    """Return the routes of the leaderboard of a database."""
    routes = APIRouter()
    boards = Boards(place)

    @routes.get(PAGE)
    async def leaderboard(request: Request) -> HTMLResponse:
        lang, kept = language_of(request), await boards.votes()
        if kept is None:
            return _counting(shell, request, lang, failing=boards.failing())
        wish = _wish(request, kept)
        board = await boards.board(kept, wish.choice, wish.rank_by)
        failing = boards.failing(wish.choice, wish.rank_by)
        if board is None and kept.has(wish.choice):
            return _counting(shell, request, lang, failing=failing)
        shown = await asyncio.to_thread(example_board) if board is None else board
        view = await asyncio.to_thread(board_view, shown, lang)
        return shell.page(
            request,
            "board.html",
            active="leaderboard",
            b=board_words(lang),
            view=view,
            counting=False,
            failing=failing,
            empty=board is None,
            any_votes=kept.has(EVERYTHING),
            menus=_menus(wish, kept, lang),
            downloads=_downloads(wish, lang) if board else [],
            scripts=(f"{_SCRIPTS}/plotly-{_version()}.js", f"{_SCRIPTS}/heat-{_version()}.js"),
        )

    _add_downloads(routes, boards, place)
    _add_scripts(routes)
    return routes


def _counting(shell: Shell, request: Request, lang: str, *, failing: bool) -> HTMLResponse:
    """Answer with a page that says so, or that it failed, and asks again by itself."""
    page = shell.page(
        request,
        "board.html",
        active="leaderboard",
        b=board_words(lang),
        counting=True,
        failing=failing,
        scripts=(),
    )
    page.headers["Refresh"] = str(_FAILED_S if failing else _AGAIN_S)
    return page


Menu = tuple[str, list[tuple[str, str, bool]]]


def _menus(wish: Wish, kept: LiveBoards, lang: str) -> list[Menu]:
    """Return the menus above the table: their label, and label, address and state of entries."""
    words = board_words(lang)

    def menu(name: str, everything: str, entries: dict[str, str]) -> Menu:
        chosen = getattr(wish, name)
        listed = [(everything, wish.address(other={name: None}), chosen is None)]
        listed += [
            (label, wish.address(other={name: value}), value == chosen)
            for value, label in entries.items()
        ]
        return entries.get(chosen, everything), listed

    menus = []
    if kept.aspects:
        aspects = {aspect: aspect_name(aspect, lang) for aspect in kept.aspects}
        menus.append(menu("aspect", words["all_aspects"], aspects))
    if len(kept.languages) > 1:
        languages = {language: language_name(language) for language in kept.languages}
        menus.append(menu("language", words["all_languages"], languages))
    orders = [
        (words["by_rating"], wish.address(other={"by": None}), wish.rank_by == "rating"),
        (words["by_elo"], wish.address(other={"by": "elo"}), wish.rank_by == "elo"),
    ]
    menus.append((orders[wish.rank_by == "elo"][0], orders))
    return menus


def _downloads(wish: Wish, lang: str) -> list[tuple[str, str]]:
    words = board_words(lang)
    return [
        (words["table_csv"], wish.address(f"{PAGE}/table.csv")),
        (words["table_json"], wish.address(f"{PAGE}/table.json")),
        (words["votes_parquet"], wish.address(f"{PAGE}/votes.parquet")),
        (words["votes_csv"], wish.address(f"{PAGE}/votes.csv")),
    ]


Download = Callable[[Board], bytes]


def _add_downloads(routes: APIRouter, boards: Boards, place: str | Path) -> None:
    """Add a route for each file; without votes it leads back to the page, which explains."""

    def offer(name: str, media: str, make: Download) -> None:
        async def download(request: Request) -> Response:
            kept = await boards.votes()
            if kept is None:
                return RedirectResponse(PAGE, status_code=303)
            wish = _wish(request, kept)
            board = await boards.board(kept, wish.choice, wish.rank_by)
            if board is None:
                return RedirectResponse(PAGE, status_code=303)
            file = await asyncio.to_thread(make, board)
            headers = {
                "Content-Disposition": f'attachment; filename="leaderboard-{name}"',
                "Cache-Control": "no-store",
            }
            return Response(file, media_type=media, headers=headers)

        routes.add_api_route(f"{PAGE}/{name}", download, methods=["GET"])

    offer("table.csv", "text/csv; charset=utf-8", table_csv)
    offer("table.json", "application/json", table_json)
    offer("votes.csv", "text/csv; charset=utf-8", partial(_votes, place, ".csv"))
    offer("votes.parquet", "application/vnd.apache.parquet", partial(_votes, place, ".parquet"))


def _votes(place: str | Path, ending: str, board: Board) -> bytes:
    """Return the votes of a board, read anew: a board keeps no more of them than codes."""
    choice = Choice(**{name: board.settings.get(name) for name in ("study", "aspect", "language")})
    return votes_file(counted_votes(place, choice), ending)


@cache
def _version() -> str:
    return hashlib.sha256(plotly_script().read_bytes() + drawing().encode()).hexdigest()[:12]


@cache
def _packed(name: str) -> bytes:
    """Return a script packed once for all: plotly's is 4.5 MB as it stands."""
    script = plotly_script().read_bytes() if name == "plotly" else drawing().encode()
    return gzip.compress(script, compresslevel=6, mtime=0)


def _add_scripts(routes: APIRouter) -> None:
    def offer(name: str) -> None:
        async def script(request: Request) -> Response:
            packed = await asyncio.to_thread(_packed, name)
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers = {**_FOR_EVER, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
                return Response(packed, media_type="text/javascript", headers=headers)
            plain = await asyncio.to_thread(gzip.decompress, packed)
            return Response(plain, media_type="text/javascript", headers=_FOR_EVER)

        endpoint: Callable[[Request], Awaitable[Response]] = script
        routes.add_api_route(f"{_SCRIPTS}/{name}-{_version()}.js", endpoint, methods=["GET"])

    offer("plotly")
    offer("heat")
