"""Work that blocks beside everybody: told when it is done, waited for by nobody."""

import threading

import pytest

from serving.aside import aside


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
