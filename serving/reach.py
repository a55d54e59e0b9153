"""Whether an OpenAI-compatible server serves us: found out in a few seconds, without a battle.

It is asked for a response as in a battle, and where none comes in time, for what it serves. What
its answers mean is not known here, but how to say it to whoever can mend it.
"""

import asyncio
from functools import partial
from typing import Final

from openai import APIConnectionError

from serving.aside import aside
from serving.asking import address_of, key_of, without
from serving.engine import EngineError, FailureKind, KeyRefusedError
from serving.refusals import (
    CORRECT,
    CORRECT_URL,
    NAME_KEY,
    UNSAFE,
    AbsentError,
    BusyError,
    UnknownError,
    read_error,
    root_of,
    unwrapped,
)
from serving.remote import RemoteEngine
from serving.spec import ModelSpec
from serving.wire import BrokenOffError

REACH_S: Final = 3.0  # seconds until a response begins
LIST_S: Final = 3.0  # seconds for the list, where none began
MOST_WORDS: Final = 300  # characters of what it says, which may be a page
START: Final = "; start the server, or correct url"
TRUST: Final = "; correct url, or let SSL_CERT_FILE name the file of its certificate"
LATER: Final = "; wait until it takes requests again, or have its limits raised"
LESS: Final = "; lower output_tokens, or give the server room for so many"
NO_ROOM: Final = frozenset({FailureKind.CONTEXT, FailureKind.OUT_OF_MEMORY})
ENTRY: Final = "; correct url, or what this entry asks for"


def reach(spec: ModelSpec) -> None:
    """Ask a server for a response, or else what it serves; blocks for a few seconds at most.

    A gateway may know what is served although nobody is behind it, so its list counts only where a
    response is not begun in time: a model may be slow, or be loaded when it is asked.

    Raises
    ------
    KeyRefusedError
        If it refuses our key, or we have none that can be sent.
    BusyError
        If it takes no more now.
    EngineError
        If nobody answers there, or only who stands before it, or if anything else comes in place
        of a response: each battle would be void for that.
    """
    key = key_of(spec)
    try:  # aside: the caller may have an event loop, and a name server that hangs ends no loop
        aside(partial(_run, spec), "reach").result(2 * (REACH_S + LIST_S))
    except Exception as error:  # noqa: BLE001 -- an odd address or server can raise anything
        raised = unwrapped(error)
        cause, way_out = _words(raised)
        words = without(key, cause)[:MOST_WORDS]
        whose = f"{spec.name}: {address_of(spec)} does not serve us: "
        kinds = (kind for kind in (KeyRefusedError, BusyError) if isinstance(raised, kind))
        kind = next(kinds, EngineError)
        raise kind(FailureKind.BACKEND, f"{whose}{words}{way_out}") from None


def _run(spec: ModelSpec) -> None:
    asyncio.run(_ask(spec))


async def _ask(spec: ModelSpec) -> None:
    engine = RemoteEngine(spec)
    try:
        await engine.try_out(REACH_S)
    except TimeoutError:
        async with asyncio.timeout(LIST_S):
            await _list(engine)
    finally:
        await engine.close()


async def _list(engine: RemoteEngine) -> None:
    """Ask what is served: who knows no list may know how to respond."""
    try:
        await engine.list_models()
    except Exception as error:
        said = unwrapped(error)
        absent = isinstance(said, AbsentError) and not isinstance(said, UnknownError)
        if absent or not isinstance(said, EngineError):
            raise


def _words(error: Exception) -> tuple[str, str]:
    """Return what happened, and the way out."""
    if isinstance(error, TimeoutError):
        return f"no answer within {REACH_S:.0f} s", START
    if isinstance(error, APIConnectionError):
        cause = root_of(error)
        return cause, TRUST if cause.startswith(UNSAFE) else START
    kind, cause = read_error(error)
    if kind in NO_ROOM:
        return cause, LESS
    for way_out in (CORRECT, CORRECT_URL, NAME_KEY):
        if cause.endswith(way_out):
            return cause.removesuffix(way_out), way_out
    if isinstance(error, BusyError):
        return cause, LATER
    absent = isinstance(error, AbsentError | BrokenOffError)
    return cause, START if absent else ENTRY
