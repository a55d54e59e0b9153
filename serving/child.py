"""What runs in a process of engines: takes orders from a pipe, streams into it, ends with it.

Hosts any number of engines in one event loop. What streams say is gathered for a moment before it
is written, so that whoever reads spends little. Knows no budget and no restart: when something
here cannot be helped, it ends, and the parent decides.
"""

import asyncio
import contextvars
import faulthandler
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

from serving.build import Builder
from serving.engine import Delta, Engine, EngineError, Failed, FailureKind, Terminal
from serving.letters import Answer, Ask, Close, Leave, Load, Logged, News, Order, Piece, Word
from serving.spec import ModelSpec
from serving.tokens import kind_of

GATHER_S = 0.02  # seconds between two pieces of news
BEAT_S = 1.0  # seconds between two signs of life
STUCK_S = 120.0  # seconds without one after which a process ends itself, parent or not
PATIENCE_S = 60.0  # seconds without a word from any engine that mean it hangs; a deadline tells
SPOILT, STUCK = 86, 87  # exit statuses

_model: contextvars.ContextVar[str] = contextvars.ContextVar("_model", default="")


class Child:
    """The engines of this process and their streams."""

    def __init__(self, connection: Connection, build: Callable[[ModelSpec], Engine]) -> None:
        self._connection = connection
        self._build = build
        self._loop = asyncio.get_running_loop()
        # One at a time: the library's loader keeps process-wide state.
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="load")
        self._loading = 0
        self._engines: dict[int, Engine] = {}
        self._names: dict[int, str] = {}
        self._streams: dict[int, asyncio.Task[Terminal]] = {}
        self._answers: set[asyncio.Task[None]] = set()
        self._texts: dict[int, list[str]] = {}
        self._ends: dict[int, Terminal] = {}
        self._posting: asyncio.TimerHandle | None = None
        self._posted = self._spoke = 0.0  # when, on the loop's clock

    async def run(self) -> None:
        """Serve until the pipe ends, and the process with it."""
        threading.Thread(target=self._read, name="orders", daemon=True).start()
        while True:
            faulthandler.dump_traceback_later(STUCK_S, exit=True)
            self._post()
            await asyncio.sleep(BEAT_S)

    def log(self, record: Logged) -> None:
        """Send a line to the parent's log; from any thread."""
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(self._write, record)

    def _read(self) -> None:
        """Take orders; the end of the pipe is the end of the process, whatever else it does."""
        status = 0
        try:
            while (order := self._connection.recv()) is not None:
                self._loop.call_soon_threadsafe(self._take, order)
        except (EOFError, OSError):
            pass
        except BaseException:  # noqa: BLE001 -- else it would serve no order for ever
            traceback.print_exc()
            status = 1
        finally:
            os._exit(status)

    def _take(self, order: Order) -> None:
        match order:
            case Leave(number):
                if (stream := self._streams.get(number)) is not None:
                    stream.cancel()
            case Ask(number):
                stream = self._streams[number] = asyncio.create_task(self._stream(order))
                stream.add_done_callback(partial(self._over, number, self._loop.time()))
            case Load() | Close():
                answer = asyncio.create_task(self._answer(order))
                self._answers.add(answer)
                answer.add_done_callback(self._answers.discard)

    async def _answer(self, order: Load | Close) -> None:
        try:
            value: int | Failed = await self._do(order)
        except Exception as error:  # noqa: BLE001 -- told to the parent, who waits for it
            value = _failed(error)
            self._end_if_spoilt(value)
        self._write(Answer(order.number, value))

    async def _do(self, order: Load | Close) -> int:
        match order:
            case Load(number, spec):
                return await self._load(number, spec)
            case Close(_, engine):
                await self._engines.pop(engine).close()
                return 0

    async def _load(self, number: int, spec: ModelSpec) -> int:
        _model.set(spec.name)
        here = contextvars.copy_context()
        self._loading += 1
        try:
            engine = await self._loop.run_in_executor(self._loader, here.run, self._build, spec)
        except EngineError:
            raise
        except Exception as error:
            cause = f"{spec.name}: cannot be loaded: {error}"
            raise EngineError(_failed(error).kind, cause) from error
        finally:
            self._loading -= 1
            self._spoke = self._loop.time()  # meanwhile nobody else could
        self._engines[number] = engine
        self._names[number] = spec.name
        return engine.footprint

    async def _stream(self, ask: Ask) -> Terminal:
        engine = self._engines.get(ask.engine)
        if engine is None:
            return Failed(FailureKind.CANCELLED, "the engine was closed")
        _model.set(self._names[ask.engine])
        async with aclosing(engine.stream(ask.prompt)) as stream:
            async for event in stream:
                if not isinstance(event, Delta):
                    return event
                self._spoke = self._loop.time()
                self._texts.setdefault(ask.number, []).append(event.text)
                self._gather()
        return Failed(FailureKind.BACKEND, "the stream ended without a word")

    def _over(self, number: int, begun: float, task: "asyncio.Task[Terminal]") -> None:
        """Write how a stream ended, whatever became of it."""
        del self._streams[number]
        if task.cancelled():
            end: Terminal = Failed(FailureKind.CANCELLED, "nobody read the stream any more")
        elif (error := task.exception()) is not None:
            end = _failed(error)
        else:
            end = task.result()
        if isinstance(end, Failed):
            self._end_if_spoilt(end)
        self._ends[number] = end
        self._gather()
        if isinstance(end, Failed):
            self._end_if_stuck(end, begun)

    def _end_if_spoilt(self, failed: Failed) -> None:
        """End the process where nothing can run in it any more, whoever was the first to see it.

        What was seen is not written as the end of one stream: then that model would be blamed. The
        parent tells all that wait here the same, as for any other death.
        """
        if failed.kind is FailureKind.PROCESS_DEAD:
            self._give_up(SPOILT, failed.cause)

    def _end_if_stuck(self, end: Failed, begun: float) -> None:
        """End the process where a deadline passed and nobody in it has said a word."""
        waited = self._loop.time() - begun >= PATIENCE_S and self._spoke < begun
        if end.kind is FailureKind.DEADLINE and waited and not self._loading:
            self._give_up(STUCK, f"no engine said a word in {end.seconds:.0f} s")

    def _give_up(self, status: int, why: str) -> None:
        self._post()
        sys.stderr.write(f"{why}\n")
        sys.stderr.flush()
        os._exit(status)

    def _gather(self) -> None:
        if self._posting is None:
            when = max(self._posted + GATHER_S, self._loop.time())
            self._posting = self._loop.call_at(when, self._post)

    def _post(self) -> None:
        """Write all that was said since the last time."""
        if self._posting is not None:
            self._posting.cancel()
            self._posting = None
        self._posted = self._loop.time()
        said = dict.fromkeys([*self._texts, *self._ends])
        pieces = tuple(self._piece(number) for number in said)
        states = {number: engine.health() for number, engine in self._engines.items()}
        self._write(News(pieces, {number: why for number, why in states.items() if why}))

    def _piece(self, number: int) -> Piece:
        return number, "".join(self._texts.pop(number, ())), self._ends.pop(number, None)

    def _write(self, word: Word) -> None:
        try:
            self._connection.send(word)
        except OSError:  # the parent is gone
            os._exit(0)


def _failed(error: BaseException) -> Failed:
    """Return what an exception is to who waits for what it ended."""
    if isinstance(error, EngineError):
        return Failed(error.kind, error.cause)
    spoilt = kind_of(error) is FailureKind.PROCESS_DEAD
    kind = FailureKind.PROCESS_DEAD if spoilt else FailureKind.BACKEND
    return Failed(kind, f"{type(error).__name__}: {error}")


_TRACES: Final = logging.Formatter()


class _ToParent(logging.Handler):
    """Carries log records out, with the name of the model that they are about."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self._child = child

    def emit(self, record: logging.LogRecord) -> None:
        text, model = record.getMessage(), _model.get()
        if model and model not in text:
            text = f"{model}: {text}"
        trace = _TRACES.formatException(record.exc_info) if record.exc_info else ""
        self._child.log(Logged(record.name, record.levelno, text, trace))


def main(fd: int, level: int, build: Callable[[ModelSpec], Engine] | None = None) -> None:
    """Serve the pipe that is open as ``fd``, logging from ``level`` up; never returns."""
    faulthandler.enable()
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Meant for the parent, who closes its streams first; its end is seen in the pipe.
        signal.signal(sent, signal.SIG_IGN)
    asyncio.run(_serve(Connection(fd), level, build or Builder()))


async def _serve(connection: Connection, level: int, build: Callable[[ModelSpec], Engine]) -> None:
    child = Child(connection, build)
    logging.root.addHandler(_ToParent(child))
    logging.root.setLevel(level)
    await child.run()
