"""From an exception to the one sentence a rater reads, and to an HTTP status.

The message of an exception is for admins: it may name a model, a file or a machine, so it goes to
the log and never into an answer.
"""

import logging
import math
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.errors import (
    AlreadyVoted,
    ArenaError,
    BattleNotReady,
    ModelUnavailable,
    NotAllowed,
    PromptRefused,
    StoreError,
    TooMany,
    VoteNotSaved,
    VoteRefused,
)
from arena.web.shell import language_of
from arena.web.words import say, words_of

_log: Final = logging.getLogger(__name__)
# What a route can say better, because it knows what was tried.
_NAMELESS: Final = frozenset({"unexpected", "not_saved"})

# Most particular class first: the first that fits decides.
_CAUSES: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (AlreadyVoted, 409, "already_voted"),
    (BattleNotReady, 409, "not_ready"),
    (VoteNotSaved, 503, "not_saved"),
    (VoteRefused, 422, "bad_request"),
    (NotAllowed, 403, "not_allowed"),
    (TooMany, 429, "too_many"),
    (ModelUnavailable, 503, "unavailable"),
    (StoreError, 503, "no_store"),
)


def cause_of(error: Exception) -> tuple[int, str]:
    """Return the HTTP status of an exception and the key of its sentence in `arena.web.words`."""
    if isinstance(error, PromptRefused):
        key = f"prompt_{error.reason}"
        return 422, key if key in words_of("en") else "prompt_refused"
    for kind, status, key in _CAUSES:
        if isinstance(error, kind):
            return status, key
    return 500, "unexpected"


def refusal(request: Request, status: int, key: str) -> JSONResponse:
    """Answer with a sentence in the visitor's language; `error` is its key."""
    return JSONResponse(
        {"error": key, "message": say(key, language_of(request))},
        status_code=status,
        headers={"Cache-Control": "no-store"},
    )


def answer_to(request: Request, error: Exception, instead: str | None = None) -> JSONResponse:
    """Turn any exception into a refusal; `instead` replaces a sentence that says less."""
    status, key = cause_of(error)
    if isinstance(error, ModelUnavailable):  # why each model rests was logged when it failed
        _log.warning("%s %s refused: %s", request.method, request.url.path, error)
    elif status >= 500:  # noqa: PLR2004 - the class of answers that are our fault
        _tell(request, error)
        key = instead if instead and key in _NAMELESS else key
    elif isinstance(error, ArenaError):
        _log.info("%s %s refused: %s", request.method, request.url.path, error)
    answer = refusal(request, status, key)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(max(1, math.ceil(error.retry_s)))
    return answer


def _tell(request: Request, error: Exception) -> None:
    """Log what failed; of a database that takes nothing one sentence, the same for all pages."""
    if isinstance(error, (StoreError, VoteNotSaved)):
        _log.error("%s", error)
    else:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)


class Answering:
    """ASGI middleware: an exception that nobody expected is answered here, and logged once.

    Starlette's own handler raises it again after the answer, and the server below logs it again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; once an answer has begun, only the server below can break it off."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await answer_to(Request(scope), error)(scope, receive, send)
