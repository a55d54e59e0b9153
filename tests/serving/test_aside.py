"""Work that blocks beside everybody: told when it is done, waited for by nobody."""

import asyncio
import socket
import threading

import pytest

from serving.aside import aside, resolve_aside


def test_what_it_returns_or_raises_comes_into_the_future() -> None:
    assert aside(lambda: 7, "well").result(10) == 7
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 // 0, "ill").result(10)


def test_even_the_end_of_the_program_is_told_to_who_waits() -> None:
    def leaves() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        aside(leaves, "leaves").result(10)


def test_who_gave_up_is_not_told_and_nothing_is_said_of_it() -> None:
    """A thread that raised would be a warning, and so an error."""
    go, over = threading.Event(), threading.Event()

    def slow() -> None:
        go.wait(10)
        over.set()

    future = aside(slow, "slow")
    assert future.cancel()
    go.set()
    assert over.wait(10)
    for thread in threading.enumerate():
        if thread.name == "slow":
            thread.join(10)
    assert future.cancelled()


def test_its_thread_keeps_no_program_alive() -> None:
    go = threading.Event()
    aside(lambda: go.wait(10), "held")
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "held")
    assert thread.daemon
    go.set()


async def test_names_are_looked_up_aside_and_what_is_found_is_the_same() -> None:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    resolve_aside()
    assert await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM) == found


async def test_a_name_that_is_never_found_keeps_nobody_from_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answered.wait(60))
    resolve_aside()
    loop = asyncio.get_running_loop()
    asked = [asyncio.create_task(loop.getaddrinfo("far.example", 80)) for _ in range(40)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.to_thread(str, 7), 30) == "7"
    for one in asked:
        one.cancel()
    answered.set()
