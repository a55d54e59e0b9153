"""A line that comes over and over is written once a minute, with how often it came."""

import logging

from arena.cli.repeats import AFTER_S, REMEMBERED, Repeats


class Clock:
    """Stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def record(message: str, *args: object, error: Exception | None = None) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, None)
    return logging.LogRecord("arena.some", logging.ERROR, __file__, 1, message, args, trace)


def test_the_same_line_comes_once_and_then_with_how_often_it_was() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    said = [repeats.filter(record("%s failed", "/api/votes")) for _ in range(2_500)]
    assert (said[0], any(said[1:])) == (True, False)
    clock.now += AFTER_S
    later = record("%s failed", "/api/votes")
    assert repeats.filter(later)
    assert later.getMessage() == "/api/votes failed (2,499 times more since)"
    assert not repeats.filter(record("%s failed", "/api/votes"))


def test_lines_that_differ_in_a_word_or_in_their_error_all_come() -> None:
    repeats = Repeats(Clock())
    lines = [record("battle %s is void", name) for name in ("one", "two")]
    lines += [record("failed", error=error) for error in (OSError(1, "a"), OSError(1, "b"))]
    for trace in ("a process died of this", "and of that"):
        lines.append(record("died"))
        lines[-1].trace = trace
    assert all(repeats.filter(line) for line in lines)


def test_a_percent_sign_in_a_line_that_came_again_is_no_place_for_a_value() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    for _ in range(2):
        repeats.filter(record("100 %"))
    clock.now += AFTER_S
    again = record("100 %")
    assert repeats.filter(again)
    assert again.getMessage() == "100 % (once more since)"


def test_of_many_lines_the_oldest_are_forgotten() -> None:
    repeats = Repeats(Clock())
    for number in range(REMEMBERED + 1):
        assert repeats.filter(record("line %d", number))
    assert repeats.filter(record("line %d", 0))
    assert not repeats.filter(record("line %d", REMEMBERED))


def test_a_line_that_cannot_be_made_is_left_to_who_writes_it() -> None:
    assert Repeats(Clock()).filter(record("%d of %d", "one"))
