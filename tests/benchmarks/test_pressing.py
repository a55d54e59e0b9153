"""The ledger of presses: one place in the log for each key."""

from benchmarks.pressing import Ledger, Press

PRESS = Press("battle-000000", "token", "tie", "press-0000")


def test_two_answers_to_one_press_are_a_fault() -> None:
    ledger = Ledger()
    ledger.take(PRESS, 7)
    ledger.take(PRESS, 7)
    assert ledger.faults == []
    ledger.take(PRESS, 8)
    assert ledger.faults == ["key press-0000 was told place 7, then 8"]
