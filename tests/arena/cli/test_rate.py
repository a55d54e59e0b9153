"""How far, how fast, how long still: told from counts and a clock; lines where nobody looks."""

from dataclasses import dataclass

from arena.cli.rate import LINE_S, Rate, lines


@dataclass
class Clock:
    """A clock that moves only when it is told to; seconds."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def counting(clock: Clock) -> Rate:
    return Rate(2, 10, lambda _: None, lambda _: None, clock)


def test_speed_is_that_of_the_model_at_work() -> None:
    clock = Clock()
    rate = counting(clock)
    rate.begin("oak", 0, 10)
    assert rate.speed == "loading"
    clock.now += 4
    for _ in range(10):
        rate.made(20)
    assert rate.speed == "2.5 responses/s, 50 tokens/s"
    rate.begin("pine", 0, 10)
    assert rate.speed == "loading"
    clock.now += 1
    rate.made(8)
    assert (rate.model, rate.speed) == ("pine (2 of 2)", "1.0 responses/s, 8 tokens/s")


def test_time_left_is_reckoned_for_all_models_from_this_run() -> None:
    clock = Clock()
    rate = counting(clock)
    rate.begin("oak", 5, 10)
    assert rate.left == "time left unknown"
    clock.now += 60
    for _ in range(4):
        rate.made(20)
    rate.failed()
    assert (rate.done, rate.total) == (10, 20)
    assert rate.left == "0:02:00 left"


def test_nothing_is_left_once_all_is_there() -> None:
    rate = counting(Clock())
    rate.begin("oak", 10, 10)
    rate.begin("pine", 10, 10)
    assert (rate.speed, rate.left) == ("nothing to make", "nothing left")


def test_lines_come_at_a_turn_and_seldom_between() -> None:
    clock, said = Clock(), list[str]()
    rate = Rate(2, 10, lines(said.append, clock), said.append, clock)
    rate.begin("oak", 0, 10)
    for _ in range(3):
        clock.now += LINE_S / 2
        rate.made(10)
    rate.begin("pine", 0, 10)
    assert [line.split(":")[0] for line in said] == [
        "oak (1 of 2)",
        "oak (1 of 2)",
        "pine (2 of 2)",
    ]
    assert said[1] == ("oak (1 of 2): 2 of 20 in all, 0.2 responses/s, 2 tokens/s, 0:01:30 left")


def test_a_wait_says_for_whom_and_how_long() -> None:
    said: list[str] = []
    Rate(2, 10, lambda _: None, said.append).waits(["oak", "pine"], 15, 8)
    assert said == [
        "Waiting for the server of oak, pine: asked again in 15 s, 8 times in a row at most."
    ]
