"""Who is asking: a signed cookie, set on the first visit to a page.

The cookie holds a random name and nothing else, is out of reach of scripts, and does not travel
with requests that another site starts. What a rater may do is not decided here.
"""

import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from arena.errors import NotAllowed
from arena.signing import Signer

_YEAR_S: Final = 365 * 24 * 3600


class NoCookie(NotAllowed):
    """A request without a rater cookie of ours."""


class Raters:
    """Reads and writes the cookie; it travels encrypted alone where the public address says so."""

    def __init__(self, signer: Signer, public_url: str | None = None) -> None:
        self._signer = signer
        self._scheme = None if public_url is None else urlsplit(public_url).scheme

    def find(self, connection: HTTPConnection) -> str | None:
        """Return the rater behind a request, or None for a first visit."""
        return self._signer.rater_of(connection.cookies.get(self._signer.cookie))

    def require(self, connection: HTTPConnection) -> str:
        """Return the rater behind a request.

        Raises
        ------
        NoCookie
            If the request carries no cookie that was signed here.
        """
        rater = self.find(connection)
        if rater is None:
            raise NoCookie("This request has no rater cookie of this arena.")
        return rater

    def welcome(self, connection: HTTPConnection, response: Response) -> str:
        """Return the rater behind a request; a new visitor gets a name and a cookie."""
        known = self.find(connection)
        if known is not None:
            return known
        rater = f"r-{secrets.token_urlsafe(12)}"
        response.set_cookie(
            self._signer.cookie,
            self._signer.rater_cookie(rater),
            max_age=_YEAR_S,
            httponly=True,
            samesite="lax",
            secure=(self._scheme or connection.url.scheme) == "https",
        )
        return rater
