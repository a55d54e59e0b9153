"""A process of engines that break in every way there is; the last prompt says how and when.

``kill 3`` is killed after three chunks. Runs in place of `serving.child`.
"""

import asyncio
import ctypes
import logging
import os
import signal
import struct
import sys
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial

import serving.child
from serving.engine import Delta, Done, Event, Failed, FailureKind, Prompt
from serving.spec import ModelSpec

log = logging.getLogger("tests.bad")


async def _deaf() -> None:
    """Hear no cancellation."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


def _segfault() -> None:
    ctypes.string_at(0)


def _hold_the_interpreter() -> None:
    ctypes.PyDLL(None).sleep(600)


def _stop_amid_a_word(fd: int) -> None:
    os.write(fd, struct.pack("!i", 100_000) + b"x" * 5_000)
    os.kill(os.getpid(), signal.SIGSTOP)


def _spoil() -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def _complain() -> None:
    sys.stderr.write("Assertion `index < size` failed.\n")
    log.warning("the weights look odd", exc_info=ValueError("they are no numbers"))


def _leave_an_orphan() -> None:
    if os.fork() == 0:
        time.sleep(25)  # and holds all that this process has open
    os._exit(7)


WAYS: dict[str, Callable[[], object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": _segfault,
    "exit": lambda: os._exit(7),
    "orphan": _leave_an_orphan,
    "sleep": lambda: time.sleep(600),
    "hold": _hold_the_interpreter,
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT),
    "complain": _complain,
    "spoil": _spoil,
}


class BadEngine:
    """Says ``a`` six times, unless it is told otherwise."""

    footprint = 5
    lost = False

    def __init__(self, spec: ModelSpec) -> None:
        if "unloadable" in spec.responses:
            raise RuntimeError("disk gone")
        if "spoiling" in spec.responses:
            WAYS["spoil"]()
        if "slow" in spec.responses:
            time.sleep(2.5)
        if "endless" in spec.responses:
            time.sleep(600)
        if "deadly" in spec.responses:
            WAYS["segfault"]()
        self._spec = spec
        self._ill: str | None = None

    def health(self) -> str | None:
        return self._ill

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event]:
        way, _, at = prompt.messages[-1].content.partition(" ")
        for place in range(6):
            if place == int(at or 0):
                if way == "late":
                    await asyncio.sleep(0.6)
                    yield Failed(FailureKind.DEADLINE, f"{self._spec.name}: no end", place, 0.6)
                    return
                if way == "poison":
                    cause = f"{self._spec.name}: CUDA error: device-side assert triggered"
                    yield Failed(FailureKind.PROCESS_DEAD, cause, place)
                    return
                await self._misbehave(way)
            yield Delta("a")
            await asyncio.sleep(0.03)
        yield Done("stop", 6, 0.2, 0.1)

    async def _misbehave(self, way: str) -> None:
        match way:
            case "deaf":
                await _deaf()
            case "hang":
                await asyncio.sleep(600)
            case "raise":
                raise ValueError("a bug")
            case "ail":
                self._ill = f"{self._spec.name}: rests"
            case _:
                WAYS.get(way, lambda: None)()

    async def close(self) -> None:
        if "clinging" in self._spec.responses:
            await _deaf()


def main(fd: int, level: int) -> None:
    """Serve, and give up on itself sooner than the real one; where it is told to, at once."""
    serving.child.STUCK_S = float(os.environ.get("EVENHAND_STUCK_S", serving.child.STUCK_S))
    serving.child.PATIENCE_S = 0.5
    WAYS["half"] = partial(_stop_amid_a_word, fd)
    serving.child.main(fd, level, BadEngine)
