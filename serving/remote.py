"""A model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`.

Whatever goes wrong over there ends in one `Failed` here, with what the server said for the log. Its
chunks are read as plain JSON: the client would make objects of everything in them, and a chunk of
nothing but empty choices would keep the event loop for half a minute.
Knows nothing of how the server runs its model, and restarts nothing.
"""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

from openai import (
    APIConnectionError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    Timeout,
)

from serving.aside import resolve_aside
from serving.asking import body_of, key_of, without
from serving.engine import (
    Delta,
    EngineError,
    Event,
    FailureKind,
    Message,
    Prompt,
)
from serving.presence import STRIKES, Presence
from serving.refusals import (
    AGAIN_S,
    PLAIN,
    AbsentError,
    BusyError,
    LaterError,
    is_nobody,
    kind_in,
    read_error,
    refuse,
    unwrapped,
    words_in,
)
from serving.reply import Reply
from serving.spec import ModelSpec
from serving.watch import Watch
from serving.wire import BrokenOffError, Events, Wire

CONNECT_S = 10.0  # seconds to connect for a response
DEADLINE_S = 300.0  # seconds for a response whose prompt sets no deadline
WAITED = 0.5  # of the time to the first token, at most, for a server that is to be asked later
TRIAL_S = 3.0  # seconds for a response that nobody is to read
TRIAL: Final = (Message("user", "Say OK."),)  # most say little more
# Everything is read as it is sent. A connection that is kept for the next question may be closed by
# the server as that one is sent, which would lose its battle.
HEADERS: Final = {"Accept-Encoding": PLAIN, "Connection": "close"}


class _NotAskedError(EngineError):
    """The server is left alone for a while."""


class RemoteEngine:
    """One model of one server.

    Where nobody is there, or three questions in a row came to nothing, it is away. So it is where
    it refuses a prompt, and then another one too: that was no fault of the prompt.
    """

    footprint = 0
    lost = False  # nothing of it is here

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._key = key_of(spec)
        self._client = AsyncOpenAI(
            base_url=spec.url,
            api_key=self._key,
            max_retries=0,
            timeout=Timeout(DEADLINE_S, connect=CONNECT_S),
            default_headers=HEADERS,
            http_client=DefaultAsyncHttpxClient(
                follow_redirects=False,  # a prompt goes nowhere but to the url
                event_hooks={"response": [refuse]},
            ),
        )
        self._closed = asyncio.Event()
        self._presence = Presence()

    def health(self) -> str | None:
        """Return None, or why the server is taken to be away."""
        return self._presence.away

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        """Respond to a prompt; leaving early closes the connection."""
        watch = Watch(DEADLINE_S if prompt.deadline_s is None else prompt.deadline_s)
        reply = Reply(self._spec, watch)
        try:
            async with aclosing(self._texts(prompt, reply, watch)) as texts:
                async for text in texts:
                    yield Delta(text)
        except TimeoutError:
            cause = self._told(f"too slow: {reply.tokens} tokens in {watch.seconds:.1f} s")
            if reply.heard:  # it only thinks for long
                self._presence.seen()
            else:
                self._presence.missed(cause, asked=watch.start)
            yield watch.failed(FailureKind.DEADLINE, cause, reply.tokens)
        except Exception as error:  # noqa: BLE001 -- a server can make the client raise anything
            raised = unwrapped(error)
            kind, cause = self._read(raised)
            if not self._learn(raised, cause, watch.start) and await self._doubt():
                kind = FailureKind.PROMPT if kind is FailureKind.BACKEND else kind
            yield watch.failed(kind, cause, reply.tokens)
        else:
            self._presence.seen()
            yield watch.done(reply.finish_reason, reply.tokens)

    async def list_models(self) -> None:
        """Ask what is served; what comes in place of an answer is raised, the list is not read."""
        resolve_aside()
        async with self._client.models.with_streaming_response.list():
            pass

    async def try_out(self, seconds: float) -> None:
        """Ask for a response, as a battle would; what comes in its place is raised.

        It is read to its end as long as there is time: only that tells whether it has one that we
        understand.

        Raises
        ------
        TimeoutError
            If nothing of it came in time, which tells little: a model may be slow.
        """
        watch = Watch(seconds)
        reply = Reply(self._spec, watch)
        try:
            prompt = Prompt(TRIAL, deadline_s=seconds)
            async with aclosing(self._texts(prompt, reply, watch)) as texts:
                async for _ in texts:
                    pass
        except TimeoutError:
            if not reply.heard:
                raise

    async def _texts(self, prompt: Prompt, reply: Reply, watch: Watch) -> AsyncGenerator[str]:
        async with aclosing(self._chunks(prompt, watch)) as chunks:
            while not reply.ended and (chunk := await self._next(chunks, reply, watch)) is not None:
                for text in reply.add(chunk):
                    if text:
                        yield text
                    await asyncio.sleep(0)  # a chunk may be long: others have their turn
        if text := reply.finish():
            yield text

    async def _next(self, chunks: AsyncGenerator[Any], reply: Reply, watch: Watch) -> Any:  # noqa: ANN401
        try:
            return await watch.next(chunks, first_s=self._spec.first_token_s)
        except Exception:
            if reply.whole:  # only the number of tokens could have followed
                return None
            raise

    async def _asked(self, prompt: Prompt, watch: Watch) -> Events:
        """Ask for a response; who may be asked again later is, if that is soon.

        When it says, or else after waits of which each is twice the last. Both sides of a battle
        wait for it alike, as for a slow first token; a void battle would tell more.
        """
        most_s = WAITED * min(prompt.deadline_s or DEADLINE_S, self._spec.first_token_s)
        pause_s = AGAIN_S
        while True:
            try:
                return await self._client.post(
                    "/chat/completions",
                    body=body_of(self._spec, prompt),
                    cast_to=object,
                    stream=True,
                    stream_cls=Events,
                )
            except Exception as error:
                later = unwrapped(error)
                if not isinstance(later, LaterError):
                    raise
                wait_s = pause_s if later.again_s is None else later.again_s
                if watch.seconds + wait_s > most_s:
                    raise
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._closed.wait()  # its end is heard at once
            pause_s *= 2

    async def _chunks(self, prompt: Prompt, watch: Watch) -> AsyncGenerator[Any]:
        if self._presence.left_alone:
            raise _NotAskedError(FailureKind.BACKEND, f"not asked: {self._presence.away}")
        resolve_aside()
        async with await self._asked(prompt, watch) as chunks:
            wire = Wire(chunks.response)
            async for chunk in chunks:
                wire.chunk()
                yield chunk
                await asyncio.sleep(0)  # thousands may have come at once: others have their turn
        if said := words_in(wire.lost.decode(errors="replace")):
            raise EngineError(kind_in(said), f"the response is no stream of chunks: {said}")

    def _read(self, error: Exception) -> tuple[FailureKind, str]:
        """Return what kind of failure an error is, and its cause for the log."""
        if self._closed.is_set():  # whatever it looks like
            return FailureKind.CANCELLED, self._told("the engine was closed")
        kind, cause = read_error(error)
        return kind, self._told(cause)

    def _told(self, cause: str) -> str:
        """Return a cause for the log."""
        return f"{self._spec.name}: {without(self._key, cause)}"

    def _learn(self, error: Exception, cause: str, asked: float = math.inf) -> bool:
        """Note whether the server is there; return whether how it failed tells that."""
        if self._closed.is_set() or isinstance(error, _NotAskedError):
            return True
        match error:
            case APIConnectionError() if is_nobody(error):
                self._presence.missed(cause, STRIKES)
            case APIConnectionError() | BrokenOffError() | AbsentError() | BusyError():
                self._presence.missed(cause, asked=asked)
            case _:
                return False
        return True

    async def _doubt(self) -> bool:
        """Find out whether a refusal was the prompt's fault; return whether it was for certain."""
        try:
            await self.try_out(TRIAL_S)
        except TimeoutError:
            pass
        except Exception as error:  # noqa: BLE001 -- a server can make the client raise anything
            raised = unwrapped(error)
            _, cause = self._read(raised)
            if not self._learn(raised, cause):
                self._presence.missed(cause, STRIKES)
        else:
            self._presence.seen()
            return True
        return False

    async def close(self) -> None:
        """Close the connections; streams still open end as cancelled."""
        self._closed.set()
        await self._client.close()
