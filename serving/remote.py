"""A model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`.

Whatever goes wrong over there ends in one `Failed` here, with what the server said for the log. Its
chunks are read as plain JSON: the client would make objects of everything in them, and a chunk of
nothing but empty choices would keep the event loop for half a minute.
Knows nothing of how the server runs its model, and restarts nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from types import MappingProxyType
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
    PLAIN,
    AbsentError,
    BusyError,
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
WAITED = 0.5  # of the time to the first token, at most, for a server that is busy
KEPT: Final[Mapping[str, str]] = MappingProxyType({})  # a connection serves the next response too
# A trial leaves no connection behind: where it is refused, some servers close it, and the next
# question would be lost with it.
ALONE: Final[Mapping[str, str]] = MappingProxyType({"Connection": "close"})
TRIAL_S = 3.0  # seconds for one token that nobody is to read


class _NotAskedError(EngineError):
    """The server is left alone for a while."""


class RemoteEngine:
    """One model of one server.

    Where nobody is there, or three connections in a row came to nothing, it is away. So it is where
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
            default_headers={"Accept-Encoding": PLAIN},  # all is read as it is sent
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
        chunks = self._chunks(prompt, watch)
        try:
            async with aclosing(self._texts(chunks, reply, watch)) as texts:
                async for text in texts:
                    yield Delta(text)
        except TimeoutError:
            cause = self._told(f"too slow: {reply.tokens} tokens in {watch.seconds:.1f} s")
            if reply.heard:  # it only thinks for long
                self._presence.seen()
            else:
                self._presence.missed(cause)
            yield watch.failed(FailureKind.DEADLINE, cause, reply.tokens)
        except Exception as error:  # noqa: BLE001 -- a server can make the client raise anything
            raised = unwrapped(error)
            kind, cause = self._read(raised)
            await self._learn(raised, kind, cause)
            yield watch.failed(kind, cause, reply.tokens)
        else:
            self._presence.seen()
            yield watch.done(reply.finish_reason, reply.tokens)
        finally:
            await chunks.aclose()

    async def list_models(self) -> None:
        """Ask what is served; what comes in place of an answer is raised, the list is not read."""
        resolve_aside()
        async with self._client.models.with_streaming_response.list(extra_headers=ALONE):
            pass

    async def try_out(self) -> None:
        """Ask for one token, as a battle would; what comes in place of a response is raised.

        Who refuses that is asked for a whole response: one token is too few for some that think,
        and others close a connection that they had kept.

        Raises
        ------
        TimeoutError
            If none is whole in time, which tells little: a model may be slow.
        """
        watch = Watch(TRIAL_S)
        try:
            await self._take(1, watch)
        except Exception as error:
            if not _is_odd(unwrapped(error)):
                raise
        else:
            return
        await self._take(self._spec.output_tokens, watch)

    async def _take(self, tokens: int, watch: Watch) -> None:
        prompt = Prompt((Message("user", "."),), max_tokens=tokens, deadline_s=TRIAL_S)
        chunks = self._chunks(prompt, watch, ALONE)
        try:
            async with aclosing(self._texts(chunks, Reply(self._spec, watch), watch)) as texts:
                async for _ in texts:
                    pass
        finally:
            await chunks.aclose()

    async def _texts(
        self, chunks: AsyncGenerator[Any], reply: Reply, watch: Watch
    ) -> AsyncGenerator[str]:
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

    async def _asked(self, prompt: Prompt, watch: Watch, headers: Mapping[str, str]) -> Events:
        """Ask for a response; a server that is busy is asked again when it says, if that is soon.

        Both sides of a battle wait for it alike, as for a slow first token; a void battle would
        tell more.
        """
        most_s = WAITED * min(prompt.deadline_s or DEADLINE_S, self._spec.first_token_s)
        while True:
            try:
                return await self._client.post(
                    "/chat/completions",
                    body=body_of(self._spec, prompt),
                    options={"headers": dict(headers)},
                    cast_to=object,
                    stream=True,
                    stream_cls=Events,
                )
            except Exception as error:
                busy = unwrapped(error)
                if not isinstance(busy, BusyError) or watch.seconds + busy.again_s > most_s:
                    raise
            with suppress(TimeoutError):
                async with asyncio.timeout(busy.again_s):
                    await self._closed.wait()  # its end is heard at once

    async def _chunks(
        self, prompt: Prompt, watch: Watch, headers: Mapping[str, str] = KEPT
    ) -> AsyncGenerator[Any]:
        if self._presence.left_alone:
            raise _NotAskedError(FailureKind.BACKEND, f"not asked: {self._presence.away}")
        resolve_aside()
        async with await self._asked(prompt, watch, headers) as chunks:
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

    async def _learn(self, error: Exception, kind: FailureKind, cause: str) -> None:
        """Note whether the server is there, by how it failed."""
        match error:
            case _NotAskedError():
                pass
            case APIConnectionError() if is_nobody(error):
                self._presence.missed(cause, STRIKES)
            case APIConnectionError() | BrokenOffError() | AbsentError() | BusyError():
                self._presence.missed(cause)
            case _ if kind is FailureKind.BACKEND:
                await self._doubt()
            case _:
                self._presence.seen()

    async def _doubt(self) -> None:
        """Find out whether a refusal was the prompt's fault."""
        try:
            await self.try_out()
        except TimeoutError:
            pass
        except Exception as error:  # noqa: BLE001 -- a server can make the client raise anything
            raised = unwrapped(error)
            if isinstance(raised, BusyError):
                self._presence.seen()
            elif not isinstance(raised, _NotAskedError):
                self._presence.missed(self._read(raised)[1], STRIKES)
        else:
            self._presence.seen()

    async def close(self) -> None:
        """Close the connections; streams still open end as cancelled."""
        self._closed.set()
        await self._client.close()


def _is_odd(error: Exception) -> bool:
    """Tell whether it may be for the one token, or the connection, that a trial failed."""
    match error:
        case APIConnectionError():
            return not is_nobody(error)
        case EngineError():
            clear = AbsentError | BusyError | BrokenOffError | _NotAskedError
            return error.kind is FailureKind.BACKEND and not isinstance(error, clear)
        case _:
            return False
