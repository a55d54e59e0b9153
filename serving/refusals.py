"""What a server says in place of a response, or its client raises: kind and words, for the log.

Of the body of an error a little is read, for a moment: a server may go on for ever. Knows no model.
"""

import asyncio
import json
import os
import re
import socket
import ssl
import time
from calendar import timegm
from contextlib import aclosing, suppress
from email.utils import parsedate
from typing import Any, Final
from urllib.parse import urlsplit

from openai import APIConnectionError, APIError, APITimeoutError, OpenAIError

from serving.engine import EngineError, FailureKind, KeyRefusedError
from serving.tokens import kind_of

MOST_BYTES: Final = 8192  # of the body of an error
BODY_S: Final = 2.0  # seconds for it
FIELDS: Final = ("error", "message", "detail", "msg")  # in which servers say what is wrong
MOST_WORDS: Final = 2000  # characters of it for the log
TOO_LONG: Final = (400, 413, 422, 500)  # statuses of servers that refuse a prompt for its length
CODES: Final = ("context_length_exceeded", "exceed_context_size_error")  # beside their words for it
OVERFLOW: Final = re.compile(
    "|".join(
        (
            *CODES,
            r"maximum (?:context|model|allowed) (?:length|size|window)",  # vLLM, SGLang, Mistral
            # SGLang, llama.cpp and its Python server, Ollama
            r"(?:exceeds?|longer than) .{0,60}?\bcontext (?:length|size|window)",
            r"\bcontext (?:length|size|window) (?:was |is |of )?(?:exceeded|only)",  # LM Studio
            r"\b(?:prompt|inputs?|messages?) .{0,60}?\btoo (?:long|large)\b",  # vLLM, hosted ones
            r"inputs`? tokens \+ `?max_new_tokens`? must be <= ",  # TGI
            r"\b(?:prompt|inputs)`? must have less than \d+ tokens",
        )
    ),
    re.IGNORECASE,
)
BUSY: Final = 429  # as the status of a server that has been asked too often
PAUSED: Final = 503  # as the status of one that is away, for a while if it says for how long
AGAIN_S: Final = 1.0  # seconds at least before it is asked again
UNKNOWN: Final = 404  # as the status of a page or of a model
REFUSALS: Final = (401, 403)  # statuses of who refuses our key
BROKEN: Final = 500  # the first status of a server's own faults
CORRECT_URL: Final = "; correct url"
CORRECT: Final = "; correct url, which often ends in /v1, or remote_name"
NAME_KEY: Final = (
    "; it refuses our key: let api_key_env name the variable that holds a key of this server"
)
SECONDS: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)  # some servers know parts of them
MOST_DIGITS: Final = 9  # of a number of seconds
MOST_MOMENT: Final = 40  # characters of a moment, which has 29
MOST_HOST: Final = 253  # characters of the name of a host
UNSAFE: Final = "no safe connection: "
PLAIN: Final = "identity"  # the name of content that is not packed
# What the client's transport raises where nobody is there; its transport depends on its version.
NOBODY: Final = frozenset({"ConnectError", "ConnectTimeout"})


class AbsentError(EngineError):
    """Somebody answered, but not who serves the model; or it is still loading, or serves nobody."""


class UnknownError(AbsentError):
    """There is no such page there, or no such model."""


class NoEntryError(AbsentError, KeyRefusedError):
    """It refuses our key."""


class LaterError(EngineError):
    """It may be asked again, in ``again_s`` seconds where it says so."""

    def __init__(self, kind: FailureKind, cause: str, again_s: float | None = None) -> None:
        super().__init__(kind, cause)
        self.again_s = again_s


class BusyError(LaterError):
    """The server takes no more now."""


class PausedError(LaterError, AbsentError):
    """Nobody serves the model now, and it says when somebody will."""


async def refuse(answer: Any) -> None:  # noqa: ANN401 -- of either transport that the client may have
    """Let a response pass, and raise what anything else says.

    Raises
    ------
    EngineError
        If the status is one of an error, or sends us elsewhere, or if the response is packed: a few
        bytes may unpack to any number.
    """
    packing = answer.headers.get("content-encoding", "").strip().lower() or PLAIN
    if answer.is_success and packing == PLAIN:
        return
    if answer.is_success:
        cause = f"the response is packed ({packing[:20]!r}), and we asked for {PLAIN!r}"
        raise EngineError(FailureKind.BACKEND, cause)
    if answer.has_redirect_location:
        where = _place(answer.headers["location"]) or "another page"
        cause = f"HTTP {answer.status_code}: it sends us to {where}, and we do not go{CORRECT_URL}"
        raise EngineError(FailureKind.BACKEND, cause)
    body = b""
    with suppress(Exception):  # what has come is enough
        async with asyncio.timeout(BODY_S), aclosing(answer.aiter_raw()) as pieces:
            async for piece in pieces:
                body += piece[: MOST_BYTES - len(body)]
                if len(body) >= MOST_BYTES:
                    break
    words = words_in(body.decode(errors="replace")) or "without a word"
    kind = kind_in(words, answer.status_code)
    cause = f"HTTP {answer.status_code}: {words}"
    again, date = (answer.headers.get(name, "").strip() for name in ("retry-after", "date"))
    raise _refusal(answer.status_code, kind, cause, _again_in(again, date))


def _again_in(said: str, date: str) -> float | None:
    """Return the seconds until a server may be asked again, by its own clock if it tells that.

    It says a number or a moment: RFC 9110, 10.2.3.
    """
    if SECONDS.fullmatch(said):
        return max(AGAIN_S, float(said[:MOST_DIGITS]))
    if (then := _moment(said)) is None:
        return None
    now = _moment(date)
    return max(AGAIN_S, then - (time.time() if now is None else now))


def _moment(said: str) -> float | None:
    """Return the moment that a header names, in seconds since 1970: HTTP knows only GMT."""
    try:
        return timegm(parsedate(said[:MOST_MOMENT]) or ())
    except (IndexError, TypeError, ValueError):  # the library reads mail, and trusts it
        return None


def _refusal(status: int, kind: FailureKind, cause: str, again_s: float | None) -> EngineError:
    """Return what a status of an error means: a fault may be the prompt's own."""
    if status == BUSY:
        return BusyError(kind, cause, again_s)
    if status in REFUSALS:
        return NoEntryError(kind, cause + NAME_KEY)
    if status == UNKNOWN:
        return UnknownError(kind, cause + CORRECT)
    if status >= BROKEN and kind is FailureKind.BACKEND:
        paused = status == PAUSED and again_s is not None
        return PausedError(kind, cause, again_s) if paused else AbsentError(kind, cause)
    return EngineError(kind, cause)


def _place(location: str) -> str:
    """Return the host of an address; what comes after it may hold a secret."""
    with suppress(ValueError):
        found = urlsplit(location)
        host = _plain(found.netloc.rpartition("@")[2])[:MOST_HOST]
        return f"{found.scheme}://{host}" if host and found.scheme else host
    return ""


def unwrapped(error: Exception) -> Exception:
    """Return what `refuse` raised, where the client has wrapped it, as some versions do."""
    return error.__cause__ if isinstance(error.__cause__, EngineError) else error


def is_nobody(error: APIConnectionError) -> bool:
    """Tell whether no connection came to be: nobody listens there, or the name is unknown."""
    return type(error.__cause__).__name__ in NOBODY


def read_error(error: Exception) -> tuple[FailureKind, str]:
    """Return kind and words of what the client raised."""
    match error:
        case EngineError():
            return error.kind, error.cause
        case APIConnectionError() if is_nobody(error):
            return FailureKind.BACKEND, f"nobody is there: {root_of(error)}"
        case APITimeoutError():
            return FailureKind.DEADLINE, str(error)
        case APIError() if words := words_of(error.body):  # said amid a stream
            return kind_in(words), words
        case OpenAIError():
            return FailureKind.BACKEND, f"{error}: {error.__cause__!r}"
        case _:
            return FailureKind.BACKEND, f"{type(error).__name__}: {error}"


def root_of(error: BaseException) -> str:
    """Return what the system said, where it is known, or else what the client said."""
    root = error
    while (deeper := root.__cause__ or root.__context__) is not None:
        root = deeper
    if isinstance(root, socket.gaierror) and root.strerror:
        return root.strerror
    if isinstance(root, ssl.SSLError):  # its numbers are not the system's
        return f"{UNSAFE}{root.strerror}"
    if isinstance(root, OSError) and root.errno is not None and root.errno > 0:
        return os.strerror(root.errno)
    return f"{type(root).__name__}: {root}"


def kind_in(words: str, status: int = 500) -> FailureKind:
    """Return what kind of failure it is of which a server says this."""
    if kind_of(Exception(words)) is FailureKind.OUT_OF_MEMORY:
        return FailureKind.OUT_OF_MEMORY
    if status in TOO_LONG and OVERFLOW.search(words):
        return FailureKind.CONTEXT
    return FailureKind.BACKEND


def words_in(body: str) -> str:
    """Return what a body says in one of the forms that servers give it, or else all of it."""
    with suppress(ValueError, RecursionError):
        return words_of(json.loads(body)) or _plain(body)
    return _plain(body)


def words_of(said: object) -> str:
    """Return what is said of an error, as one line; nothing where none is, or too deep in it."""
    with suppress(RecursionError):
        return _plain(_words_of(said))
    return ""


def _words_of(said: object) -> str:
    match said:
        case str():
            return said
        case {"loc": [*place], "msg": str(words)}:
            return f"{'.'.join(map(str, place))}: {words}"
        case dict():
            words = next((words for field in FIELDS if (words := _words_of(said.get(field)))), "")
            code = next((said[name] for name in ("code", "type") if said.get(name) in CODES), None)
            return f"{words} ({code})" if words and code else words
        case [*parts]:
            return "; ".join(words for part in parts if (words := _words_of(part)))
        case _:
            return ""


def _plain(text: str) -> str:
    """Return text as one line without what cannot be printed."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(line.split())[:MOST_WORDS]
