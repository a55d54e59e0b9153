"""Stands before every request: origin, size, closed doors, security headers.

Gradio makes every event, every upload and its own monitoring a public address. What the page does
not use is closed here, so that the only ways in are our own routes and the one stream. The guard
is plain ASGI, because a middleware that wraps responses would hold streams back. Who is asking and
what they may do is not known here.
"""

import json
import logging
import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log: Final = logging.getLogger(__name__)
BODY_BYTES: Final = 256 * 1024
# Of the panes one battle is asked for, by a tab that names itself: Gradio remembers both, of the
# last ten thousand tabs, whoever they are.
ORDER_BYTES: Final = 4 * 1024

# All that the page asks of Gradio; nothing else of it exists.
_OPEN: Final = re.compile(
    r"/(config|theme\.css|assets/[\w-][\w.-]*|static/([\w-]+/)*[\w-][\w.-]*"
    r"|gradio_api/(queue/(join|data)|heartbeat/\w+|startup-events|app_id))"
)
_UNCHANGING: Final = ("/assets/", "/look/")  # their addresses change with their content
_OK: Final = 200
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_LENGTH: Final = re.compile(r"[0-9]{1,18}")

POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-src 'none'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'; worker-src 'self' blob:"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware; `public_url` is the address under which browsers know this arena.

    Without it, a request must come from a page of the host it is sent to.
    """

    def __init__(self, app: ASGIApp, public_url: str | None = None) -> None:
        self._app = app
        self._public = public_url
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what no page of ours would send; pass the rest on with its headers set."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send, scope["path"])
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, guarded)
            return
        if scope["method"] == "HEAD":  # no route knows it; the server below sends no body for it
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        if scope["method"] in _SAFE_METHODS:
            return None
        headers = Headers(scope=scope)
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return _plain(403)
        origin = headers.get("origin")  # a program that names none is no page at all
        if origin is not None and not self._is_ours(origin, scope, headers.get("host")):
            self._tell(origin, headers.get("host"))
            return _plain(403)
        is_order = scope["path"].startswith("/gradio_api/")
        return _size_refusal(headers, ORDER_BYTES if is_order else BODY_BYTES)

    def _is_ours(self, origin: str, scope: Scope, host: str | None) -> bool:
        """Whether a page of this origin is a page of ours."""
        if self._public is not None:
            return origin == self._public
        return origin in {f"{scheme}://{host}" for scheme in (scope["scheme"], "https")}

    def _tell(self, origin: str, host: str | None) -> None:
        """Log once who was refused: behind a proxy that is everybody, and no page works."""
        if not self._told:
            self._told = True
            _log.warning(
                "A page at %s was refused, since this arena is known as %s. If that page is this "
                "arena (behind a proxy, say), set public_url in [arena] to its address.",
                origin,
                self._public or host,
            )


class Doors:
    """ASGI app: lets through to Gradio what the page needs of it, and nothing else.

    `nothing` is the page for people who ask for something else.
    """

    def __init__(self, app: ASGIApp, nothing: Callable[[Request], Response]) -> None:
        self._app = app
        self._nothing = nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404 at every other address, whatever Gradio would have there."""
        if scope["type"] == "http" and not _OPEN.fullmatch(scope["path"]):
            is_read = "text/html" in Headers(scope=scope).get("accept", "")
            answer = self._nothing(Request(scope)) if is_read else _plain(404)
            await answer(scope, receive, send)
            return
        is_config = scope["type"] == "http" and scope["path"] == "/config"
        await self._app(scope, receive, _without_address(send) if is_config else send)


def _without_address(send: Send) -> Send:
    """Leave out where Gradio takes itself to be, so that its page asks where it was found itself.

    Behind a proxy it may be wrong (https, another port): then no battle would ever be shown.
    """
    begun: Message = {}
    body = b""

    async def sent(message: Message) -> None:
        nonlocal begun, body
        if message["type"] == "http.response.start":
            begun = message
            return
        body += message.get("body", b"")
        if message.get("more_body", False):
            return
        if begun["status"] == _OK:
            body = json.dumps({**json.loads(body), "root": ""}).encode()
            MutableHeaders(scope=begun)["Content-Length"] = str(len(body))
        await send(begun)
        await send({"type": "http.response.body", "body": body})

    return sent


def _size_refusal(headers: Headers, most: int) -> PlainTextResponse | None:
    # A body of announced length cannot grow past it: the server below cuts it off.
    length = headers.get("content-length")
    if length is None or "transfer-encoding" in headers:
        return _plain(411)
    if not _LENGTH.fullmatch(length):
        return _plain(400)
    return _plain(413) if int(length) > most else None


def _plain(status: int) -> PlainTextResponse:
    sentences = {
        400: "This request was not understood.",
        403: "This request does not come from a page of this arena.",
        404: "There is nothing at this address.",
        411: "Say how long the body is.",
        413: "The body is too large.",
    }
    return PlainTextResponse(sentences[status], status)


def _with_headers(send: Send, path: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            if path.startswith(_UNCHANGING) and message["status"] == _OK:
                headers["Cache-Control"] = "public, max-age=31536000, immutable"
            if headers.get("content-type", "").startswith("text/event-stream"):
                headers["X-Accel-Buffering"] = "no"  # else nginx keeps a stream until its end
        await send(message)

    return sent
