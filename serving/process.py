"""One process of engines, from outside: started, written to, listened to, buried.

Two threads do what may block: writing orders and reading what comes. A third one watches: a process
that is silent for long, also amid a word, or owes an answer for long, is killed. However it dies,
everyone who waits for it is told once, and why. Knows neither models nor budgets.

Silence is borne for half a minute although a sign of life comes each second: who is frozen cannot
be told from who gets no turn (a library holds the interpreter, a machine swaps). Waiting costs some
raters half a minute, a wrong guess costs all battles in there and a new load of their models.
"""

import contextlib
import itertools
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing import Pipe
from typing import Final

from serving.engine import EngineError, Failed, FailureKind, Terminal
from serving.inbox import Inbox
from serving.letters import Answer, Ask, Close, Leave, Load, Logged, News, Order, Word
from serving.spawned import Spawned

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5  # seconds between two looks at how long it has been silent
SILENCE_S: Final = 30.0  # seconds without a sign of life; the process gives one each second
LOADING_S: Final = 120.0  # the same while it loads: libraries hold the interpreter for long
LOAD_S: Final = 1800.0  # seconds until a model must be loaded: a disk that hangs is not silent
ANSWER_S: Final = 20.0  # seconds until a cancelled stream or a closing engine must have ended
END_S: Final = 5.0  # seconds to end when told to


class EngineProcess:
    """A process that runs `serving.child`, or another module with the same ``main``.

    Started when made.

    Parameters
    ----------
    label : str
        What the log calls it.
    shared : bool
        Whether it is for several models from the start: then its death is no single one's.
    silence_s, answer_s, load_s : float
        How long it may be silent, owe an answer, and load a model; tests are less patient.
    """

    def __init__(
        self,
        label: str,
        *,
        module: str = "serving.child",
        shared: bool = True,
        silence_s: float = SILENCE_S,
        answer_s: float = ANSWER_S,
        load_s: float = LOAD_S,
    ) -> None:
        self.label = label
        self._shared = shared
        self._whose = f"all models on {label}" if shared else label
        self._silence_s = silence_s
        self._answer_s = answer_s
        self._load_s = load_s
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._futures: dict[int, Future[int]] = {}
        self._loads: dict[int, float] = {}  # number of an order, and when it must be done
        self._inboxes: dict[int, Inbox] = {}
        self._owed: dict[int, float] = {}  # number of an order, and when it must be answered
        self._ill: dict[int, str] = {}
        self._death: str | None = None
        self._buried = False  # its end is certain, and everyone who waited has been told
        self._ending = False
        self._words = 0  # that were read
        self._taking = False  # of one of them: meanwhile nobody listens, and it is not silent
        self._outbox: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._connection, theirs = Pipe()
        self._process = Spawned(label, module, theirs)
        theirs.close()
        self._threads = {
            name: threading.Thread(target=work, name=f"{label}: {name}", daemon=True)
            for name, work in (
                ("write", self._write),
                ("read", self._read),
                ("watch", self._watch),
            )
        }
        for thread in self._threads.values():
            thread.start()

    @property
    def pid(self) -> int:
        """The number by which the system knows it."""
        return self._process.pid

    @property
    def death(self) -> str | None:
        """None while it lives, else how it ended; known before anybody has read of it."""
        if not self._buried and (ended := self._process.end()) is not None:
            return self._line(ended)
        return self._death

    @property
    def gone(self) -> bool:
        """Whether it has ended for certain, and the system has its memory back."""
        return self._buried or self._process.end() is not None

    def illness(self, engine: int) -> str | None:
        """Return None while an engine can serve, else why it cannot, without asking it."""
        return self.death or self._ill.get(engine)

    def order(self, make: Callable[[int], Load | Close]) -> "Future[int]":
        """Write an order; the answer, or an `EngineError`, comes into the future."""
        future: Future[int] = Future()
        with self._lock:
            if self._buried:
                future.set_exception(EngineError(self._kind, self._death or ""))
                return future
            order = make(next(self._numbers))
            self._futures[order.number] = future
            if isinstance(order, Load):
                self._loads[order.number] = time.monotonic() + self._load_s
            elif isinstance(order, Close):
                self._owed[order.number] = time.monotonic() + self._answer_s
        self._outbox.put(order)
        return future

    @contextlib.contextmanager
    def stream(self, make: Callable[[int], Ask]) -> Iterator[Inbox]:
        """Open a stream; leaving before its end cancels it."""
        inbox = Inbox()
        with self._lock:
            ask = make(next(self._numbers))
            if self.gone:
                inbox.put("", Failed(self._kind, self.death or ""))
            else:  # who comes while it ends is told with all others, when its memory is free
                self._inboxes[ask.number] = inbox
        self._outbox.put(ask)
        try:
            yield inbox
        finally:
            with self._lock:
                left = self._inboxes.pop(ask.number, None) is not None and not inbox.ended
                if left:
                    self._owed[ask.number] = time.monotonic() + self._answer_s
            if left:
                self._outbox.put(Leave(ask.number))

    def end(self) -> None:
        """Let it end, or kill it; blocks until it is gone. What it still owes is cancelled."""
        self._ending = True
        self._outbox.put(None)
        self._threads["read"].join(END_S)
        if self._threads["read"].is_alive():
            self._process.abort("it did not end when told to")
            self._threads["read"].join()

    def share(self, name: str) -> None:
        """Hear that one more model lives in it: from now on its death is no single one's."""
        self._shared = True
        self._whose += f" and {name}"

    def kill(self) -> None:
        """End it at once, without a word; does not block."""
        self._ending = True
        self._process.kill()

    def _write(self) -> None:
        while self._death is None:
            order = self._outbox.get()
            try:
                self._connection.send(order)
            except OSError:  # it is dead, and whoever reads buries it
                return
            if order is None:
                return

    def _read(self) -> None:
        try:
            while True:
                word = self._connection.recv()
                self._taking = True
                self._words += 1
                self._take(word)
                self._taking = False
        except (EOFError, OSError):
            self._bury()
        except Exception as error:  # noqa: BLE001 -- nobody else would ever tell who waits
            self._process.abort(f"it could not be understood: {error}")
            self._bury()

    def _watch(self) -> None:
        """Kill it when it is silent or owes an answer for too long; whoever reads buries it."""
        silent, words, reader = 0.0, 0, self._threads["read"]
        while self._death is None:
            reader.join(LOOK_S)
            heard = self._taking or self._words != words
            # Counted, not measured: a sleeping machine proves nothing.
            silent, words = 0.0 if heard else silent + LOOK_S, self._words
            if (why := self._overdue(silent)) is not None:
                self._process.abort(why)
            if self._process.end() is not None:
                self._hang_up()

    def _hang_up(self) -> None:
        """Let who reads come to its last word, also where one that it started has the pipe."""
        with self._lock, contextlib.suppress(OSError):
            if self._death is None:  # else it is seen, and the number may be that of another pipe
                with socket.socket(fileno=os.dup(self._connection.fileno())) as pipe:
                    pipe.shutdown(socket.SHUT_RDWR)

    def _take(self, word: Word) -> None:
        match word:
            case Logged(logger, level, text, trace):
                logging.getLogger(logger).log(level, "%s", text, extra={"trace": trace})
            case Answer(number, value):
                with self._lock:
                    future = self._futures.pop(number)
                    self._owed.pop(number, None)
                    if number in self._loads:  # others had to wait for it: their time begins now
                        del self._loads[number]
                        renewed = time.monotonic() + self._answer_s
                        self._owed = dict.fromkeys(self._owed, renewed)
                _settle(future, value)
            case News(pieces, ill):
                self._ill = ill
                for number, text, end in pieces:
                    self._hand_over(number, text, end)

    def _hand_over(self, number: int, text: str, end: Terminal | None) -> None:
        with self._lock:
            inbox = self._inboxes.get(number)
            if end is not None:
                self._inboxes.pop(number, None)
                self._owed.pop(number, None)
        if inbox is not None:
            inbox.put(text, end)

    def _overdue(self, silent: float) -> str | None:
        now = time.monotonic()
        with self._lock:
            limit = max(LOADING_S, self._silence_s) if self._loads else self._silence_s
            stuck = any(when < now for when in self._loads.values())
            late = not self._loads and any(when < now for when in self._owed.values())
        if silent >= limit:
            return f"it gave no sign of life for {silent:.0f} s"
        if stuck:
            return f"it loaded no model within {self._load_s:.0f} s"
        return f"it ended no stream or engine within {self._answer_s:.0f} s" if late else None

    def _bury(self) -> None:
        """Wait for its end, and tell everyone who waits."""
        with self._lock:  # until it is known why: nobody may be let in meanwhile
            self._death = self._line("has ended")
        cause = self._line(self._process.bury())
        if not self._ending:
            log.error("%s", cause)
        with self._lock:
            self._death = cause
            self._buried = True
            futures, self._futures = self._futures, {}
            inboxes, self._inboxes = self._inboxes, {}
        for future in futures.values():
            _settle(future, Failed(self._kind, cause))
        for inbox in inboxes.values():
            inbox.put("", Failed(self._kind, cause))
        self._outbox.put(None)
        # Not while a word is written: the number of a closed pipe is that of the next one, and
        # whoever lives at its other end would read it.
        self._threads["write"].join()
        self._connection.close()

    @property
    def _kind(self) -> FailureKind:
        if self._ending:
            return FailureKind.CANCELLED
        return FailureKind.PROCESS_DEAD if self._shared else FailureKind.ENGINE_DEAD

    def _line(self, verdict: str) -> str:
        return f"the process of {self._whose} {verdict}"


def _settle(future: "Future[int]", value: int | Failed) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(value, Failed):
        future.set_exception(EngineError(value.kind, value.cause))
    else:
        future.set_result(value)
