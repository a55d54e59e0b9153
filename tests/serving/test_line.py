"""The line for memory: in order, passed only for a while, and left without a trace."""

import asyncio

import pytest

from serving.engine import EngineError, FailureKind
from serving.line import Line
from tests.serving.virtual_time import virtual_time


@virtual_time
async def test_the_first_to_come_is_the_first_let_in_and_holds_up_the_rest() -> None:
    line = Line[bool]()
    first, second = line.join(("a",)), line.join(("b",))
    line.wake(lambda names: names != ("a",) or None)
    assert not second.turn.done()
    line.wake(lambda _: True)
    assert (first.turn.done(), second.turn.done()) == (True, True)


@virtual_time
async def test_only_who_needs_nothing_may_pass_and_only_for_a_while() -> None:
    line = Line[bool](patience_s=5)
    assert line.may_pass(for_free=False)
    line.join(("a",))
    assert not line.may_pass(for_free=False)
    assert line.may_pass(for_free=True)
    await asyncio.sleep(5)
    assert not line.may_pass(for_free=True)


@pytest.mark.parametrize(
    "refusal", [EngineError(FailureKind.OUT_OF_MEMORY, "never"), RuntimeError("never")], ids=type
)
@virtual_time
async def test_who_is_refused_makes_room_for_the_next(refusal: Exception) -> None:
    line = Line[bool]()
    first, second = line.join(("a",)), line.join(("b",))

    def admit(names: tuple[str, ...]) -> bool:
        if names == ("a",):
            raise refusal
        return True

    line.wake(admit)
    with pytest.raises(type(refusal), match="never"):
        await first.turn
    await second.turn


@virtual_time
async def test_leaving_tells_whether_one_was_let_in() -> None:
    line = Line[bool]()
    waits, enters = line.join(("a",)), line.join(("b",))
    assert not line.leave(waits)
    line.wake(lambda _: True)
    assert line.leave(enters)
    assert line.may_pass(for_free=False)
