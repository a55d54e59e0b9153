"""Whether an OpenAI-compatible server serves us: found out in a few seconds, without a battle.

It is asked what it serves, and for one token as in a battle. What its answers mean is not known
here, but how to say it to whoever can mend it.
"""

import asyncio
from functools import partial
from typing import Final

from openai import APIConnectionError

from serving.aside import aside
from serving.asking import key_of, without
from serving.engine import EngineError, FailureKind, KeyRefusedError
from serving.refusals import (
    CORRECT,
    CORRECT_URL,
    NAME_KEY,
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

REACH_S: Final = 3.0  # seconds to reach a server, in all
MOST_WORDS: Final = 300  # characters of what it says, which may be a page
START: Final = "; start the server, or correct url"
LATER: Final = "; wait until it takes requests again, or have its limits raised"
ENTRY: Final = "; correct url, or what this entry asks for"


def reach(spec: ModelSpec) -> None:
    """Ask a server what it serves, and for a token; blocks for a few seconds at most.

    A gateway may say what is served although nobody is behind it, and another may only know how to
    pass responses on. Where the response is not whole in time, the first answer counts.

    Raises
    ------
    KeyRefusedError
        If it refuses our key, or we have none that can be sent.
    EngineError
        If nobody answers there, or only who stands before it, or if anything else comes in place
        of a response, also that it is too busy for one: each battle would be void for that.
    """
    key = key_of(spec)
    try:  # aside: the caller may have an event loop, and a name server that hangs ends no loop
        aside(partial(_run, spec), "reach").result(2 * REACH_S)
    except Exception as error:  # noqa: BLE001 -- an odd address or server can raise anything
        raised = unwrapped(error)
        kind = KeyRefusedError if isinstance(raised, KeyRefusedError) else EngineError
        cause, way_out = _words(raised)
        words = without(key, cause)[:MOST_WORDS]
        whose = f"{spec.name}: {spec.url} does not serve us: "
        raise kind(FailureKind.BACKEND, f"{whose}{words}{way_out}") from None


def _run(spec: ModelSpec) -> None:
    asyncio.run(_ask(spec))


async def _ask(spec: ModelSpec) -> None:
    engine = RemoteEngine(spec)
    listed: bool | AbsentError = False
    try:
        async with asyncio.timeout(REACH_S):
            listed = await _listed(engine)
            await engine.try_out()
    except TimeoutError:
        if listed is True:
            return
        raise listed or TimeoutError from None
    finally:
        await engine.close()


async def _listed(engine: RemoteEngine) -> bool | AbsentError:
    """Return whether anybody answers, or who does in place of the server."""
    try:
        await engine.list_models()
    except Exception as error:
        said = unwrapped(error)
        if not isinstance(said, EngineError):
            raise
        if isinstance(said, AbsentError) and not isinstance(said, UnknownError):
            return said  # no refusal yet: a key that may not see the list may do for responses
    return True  # who knows no list may know how to respond


def _words(error: Exception) -> tuple[str, str]:
    """Return what happened, and the way out."""
    if isinstance(error, TimeoutError):
        return f"no answer within {REACH_S:.0f} s", START
    if isinstance(error, APIConnectionError):
        return root_of(error), START
    _, cause = read_error(error)
    for way_out in (CORRECT, CORRECT_URL, NAME_KEY):
        if cause.endswith(way_out):
            return cause.removesuffix(way_out), way_out
    if isinstance(error, BusyError):
        return cause, LATER
    absent = isinstance(error, AbsentError | BrokenOffError)
    return cause, START if absent else ENTRY
