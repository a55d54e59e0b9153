"""Whether an OpenAI-compatible server serves us: what key it is shown, and what it answers.

Asks in a few seconds, without a battle. What is made of its responses is not known here.
"""

import os
from functools import partial

from openai import DefaultHttpxClient

from serving.aside import aside
from serving.engine import EngineError, FailureKind, KeyRefusedError
from serving.refusals import ABSENT, BROKEN, CORRECT, REFUSALS, UNKNOWN, root_of
from serving.spec import ModelSpec

REACH_S = 3.0  # seconds to reach a server, in all
ELSEWHERE = range(300, 400)
NO_KEY = "none"  # local servers ask for none, the client insists


def reach(spec: ModelSpec) -> None:
    """Ask a server what it serves, and for a token; blocks for a few seconds at most.

    A gateway may say what is served although nobody is behind it, and another may only know how to
    pass responses on. Where the response is not begun in time, the first answer counts.

    Raises
    ------
    KeyRefusedError
        If it refuses our key, or we have none that can be sent.
    EngineError
        If nobody answers there, or only who stands before it, or if it knows no such model, is
        broken or sends us elsewhere; every other answer will do.
    """
    key = key_of(spec)
    told: list[int] = []
    cause = None
    # Asked aside, because a name server may hang; closing the client ends a thread that waits.
    with DefaultHttpxClient(follow_redirects=False, timeout=2 * REACH_S) as client:
        try:
            aside(partial(_ask, client, spec, key, told), "reach").result(REACH_S)
        except TimeoutError:
            cause = None if told else f"no answer within {REACH_S:.0f} s"
        except Exception as error:  # noqa: BLE001 -- an odd address or server can raise anything
            cause = root_of(error)
    whose = f"{spec.name}: {spec.url} does not serve us: "
    answers = tuple(told)  # whoever asks may still be at it
    status = answers[-1] if answers else 0
    if status in REFUSALS:
        way_out = "let api_key_env name the variable that holds a key of this server"
        raise KeyRefusedError(
            FailureKind.BACKEND, f"{whose}HTTP {status}, it refuses our key; {way_out}"
        )
    responds = len(answers) > 1  # that the list is none tells nothing of the model
    if status in ABSENT or (responds and status >= BROKEN):
        cause = f"HTTP {status}"
    if responds and status in ELSEWHERE:
        cause = f"HTTP {status}, which sends us elsewhere"
    if responds and status == UNKNOWN:
        raise EngineError(FailureKind.BACKEND, f"{whose}HTTP {status}{CORRECT}")
    if cause is not None:
        way_out = "start the server, or correct url"
        raise EngineError(FailureKind.BACKEND, f"{whose}{cause}; {way_out}")


def _ask(client: DefaultHttpxClient, spec: ModelSpec, key: str, told: list[int]) -> None:
    """Note the status of each answer; their bodies are not read, they may be of any length."""
    url, shown = str(spec.url).rstrip("/"), {"Authorization": f"Bearer {key}"}
    with client.stream("GET", f"{url}/models", headers=shown) as answer:
        told.append(int(answer.status_code))
    if told[-1] in REFUSALS:
        return
    messages = [{"role": "user", "content": "."}]
    ask = {"model": spec.remote_name, "messages": messages, "max_tokens": 1, "stream": True}
    with client.stream("POST", f"{url}/chat/completions", headers=shown, json=ask) as answer:
        told.append(int(answer.status_code))


def key_of(spec: ModelSpec) -> str:
    """Return the key that a server is shown.

    Raises
    ------
    KeyRefusedError
        If it cannot be sent.
    """
    key = os.environ.get(spec.api_key_env or "", "").strip()  # a file's last line may end in it
    if key.isascii() and key.isprintable():
        return key or NO_KEY
    whose = f"{spec.name}: the key in {spec.api_key_env} cannot be sent"  # nor be in a log
    way_out = "let it hold one line of ASCII letters and signs"
    raise KeyRefusedError(FailureKind.BACKEND, f"{whose}; {way_out}")
