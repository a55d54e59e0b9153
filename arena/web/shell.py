"""The frame of every page: header, navigation, language, style.

A page extends `templates/shell.html` and is rendered by `Shell.page`; colours and sizes are the
custom properties of `assets/look.css`. What stands inside a page is not known here.

>>> shell = Shell("Evenhand")                                            # doctest: +SKIP
>>> shell.page(request, "board.html", active="leaderboard", rows=rows)   # doctest: +SKIP
"""

import hashlib
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from starlette.routing import Route, Router

from arena.web.words import DEFAULT_LANGUAGE, HTML_LANGUAGE, LANGUAGE_NAMES, words_of

HERE: Final = Path(__file__).parent
LANGUAGE_COOKIE: Final = "lang"
PLACES: Final = (("battle", "/"), ("leaderboard", "/leaderboard"), ("about", "/about"))
_YEAR_S: Final = 365 * 24 * 3600


def _fingerprint(folder: Path) -> str:
    """Name the present content of a folder, so that a browser may keep its files for ever."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def choose_language(wanted: str | None, kept: str | None, accepted: str) -> str:
    """Return the language of a page: asked for in its address, chosen earlier, the browser's."""
    for code in (wanted, kept):
        if code is not None and code in LANGUAGE_NAMES:
            return code
    for part in accepted.lower().split(","):
        code = part.split(";")[0].strip().split("-")[0]
        if code in LANGUAGE_NAMES:
            return code
    return DEFAULT_LANGUAGE


def language_of(request: Request) -> str:
    """Return the language in which this visitor reads."""
    return choose_language(
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("accept-language", ""),
    )


class Shell:
    """Renders pages of one arena; `title` is what it calls itself."""

    def __init__(self, title: str = "Evenhand") -> None:
        self.title = title
        self.assets = f"/look/{_fingerprint(HERE / 'assets')}"
        # All is read once: of a newer version, put there meanwhile, a part would not fit the rest.
        self._files = {path.name: path.read_bytes() for path in (HERE / "assets").iterdir()}
        self.modules = sorted(name for name in self._files if name.endswith(".js"))
        files = sorted((HERE / "templates").glob("*.html"))
        self._templates = Environment(
            loader=DictLoader({file.name: file.read_text(encoding="utf-8") for file in files}),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def files(self) -> Router:
        """Return the app that serves the style sheets and scripts, to be mounted at `assets`."""

        async def file(request: Request) -> Response:
            name = request.path_params["name"]
            if name not in self._files:
                return Response(status_code=404)
            return Response(self._files[name], media_type=guess_type(name)[0])

        return Router([Route("/{name}", file)])

    def text(self, template: str, *, lang: str, active: str, **values: object) -> str:
        """Render a template that extends `shell.html`; its words are in `w`."""
        shared = {
            "title": self.title,
            "assets": self.assets,
            "lang": lang,
            "html_lang": HTML_LANGUAGE[lang],
            "languages": [(c, name, HTML_LANGUAGE[c]) for c, name in LANGUAGE_NAMES.items()],
            "places": PLACES,
            "active": active,
            "w": words_of(lang),
        }
        return self._templates.get_template(template).render({**shared, **values})

    def page(
        self, request: Request, template: str, *, active: str, **values: object
    ) -> HTMLResponse:
        """Answer a request with a page in the visitor's language, and remember the language."""
        lang = language_of(request)
        response = HTMLResponse(self.text(template, lang=lang, active=active, **values))
        response.headers["Cache-Control"] = "no-store"
        if request.query_params.get("lang") == lang:
            response.set_cookie(LANGUAGE_COOKIE, lang, max_age=_YEAR_S, samesite="lax")
        return response
