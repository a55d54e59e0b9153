"""The web application: FastAPI owns the process, Gradio is mounted in it, a guard stands before.

Everything a person can reach is put together here. How it is served (address, workers, logs) is
for `arena.cli` to say; what a battle is, for `arena.battle`.
"""

from collections.abc import Callable, Sequence
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from arena.errors import ArenaError
from arena.questions import QuestionBank
from arena.settings import Settings
from arena.signing import Signer
from arena.web import api, live
from arena.web.battle_page import battle_route
from arena.web.flow import Flow
from arena.web.gradio_import import gr
from arena.web.guard import Doors, Guard
from arena.web.raters import NoCookie, Raters
from arena.web.refusals import Answering, answer_to, refusal
from arena.web.shell import Shell

_UNPROCESSABLE: Final = 422
Health = Callable[[], str | None]


def create_app(
    settings: Settings,
    battles: Flow,
    signer: Signer,
    *,
    bank: QuestionBank | None = None,
    shell: Shell | None = None,
    routers: Sequence[APIRouter] = (),
    health: Health | None = None,
) -> FastAPI:
    """Put the pages of an arena together.

    `routers` are further pages (the leaderboard); `shell` must then be the one they render with.
    `health` says in a few words what keeps the arena from saving votes; None where nothing does.
    """
    app = FastAPI(title=settings.arena.title, docs_url=None, redoc_url=None, openapi_url=None)
    public_url = settings.arena.public_url
    raters = Raters(signer, public_url)
    shell = shell or Shell(settings.arena.title)
    app.mount(shell.assets, shell.files())
    for router in routers:
        app.include_router(router)
    app.include_router(api.battle_routes(battles, raters))
    app.include_router(api.vote_routes(battles, raters))
    app.include_router(
        battle_route(shell, raters, bank, models=len(settings.models), demo=settings.arena.demo)
    )
    app.include_router(_plain_routes(shell, health))
    _answer_errors(app)
    _mount_panes(app, live.blocks(battles, raters), shell)
    app.add_middleware(Answering)
    app.add_middleware(Guard, public_url=public_url)  # the outer one
    return app


def _mount_panes(app: FastAPI, panes: gr.Blocks, shell: Shell) -> None:
    """Mount Gradio last, so that it only hears what no route of ours has answered."""
    gr.mount_gradio_app(
        app,
        panes,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Base(
            font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
    )
    mounted = app.routes[-1]
    if not isinstance(mounted, Mount):
        raise TypeError("Gradio was not mounted last. Install the pinned Gradio.")

    def nothing(request: Request) -> Response:
        page = shell.page(request, "nothing.html", active="")
        page.status_code = 404
        return page

    mounted.app = Doors(mounted.app, nothing)


def _plain_routes(shell: Shell, health: Health | None) -> APIRouter:
    routes = APIRouter()

    @routes.get("/about")
    async def about(request: Request) -> HTMLResponse:
        return shell.page(request, "about.html", active="about")

    @routes.get("/healthz")
    async def healthz() -> PlainTextResponse:
        ill = health() if health else None
        return PlainTextResponse(
            f"{ill or 'ok'}\n",
            status_code=503 if ill else 200,
            headers={"Cache-Control": "no-store"},
        )

    @routes.get("/robots.txt")
    async def robots() -> PlainTextResponse:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")

    return routes


def _answer_errors(app: FastAPI) -> None:
    """See to it that no exception reaches a browser as anything but a sentence of ours."""

    async def no_cookie(request: Request, _: Exception) -> JSONResponse:
        return refusal(request, 403, "no_cookie")

    async def failed(request: Request, error: Exception) -> JSONResponse:
        return answer_to(request, error)

    async def misunderstood(request: Request, _: Exception) -> JSONResponse:
        return refusal(request, _UNPROCESSABLE, "bad_request")

    async def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        key = "not_found" if status == 404 else "bad_request"  # noqa: PLR2004 - not found
        return refusal(request, status, key)

    app.add_exception_handler(NoCookie, no_cookie)
    app.add_exception_handler(ArenaError, failed)
    app.add_exception_handler(RequestValidationError, misunderstood)
    app.add_exception_handler(HTTPException, http)
