"""Who keeps failing: three failures in a row, of which a moment and a death make one."""

from collections.abc import Callable, Collection, Mapping

from arena.battle.failing import FAILURES, MOMENT_S, PROMPTS, Failing
from serving.engine import EngineError, FailureKind

ROSTER = ("ash", "elm", "oak", "pine")
BROKEN = EngineError(FailureKind.BACKEND, "no number")
DEATH = EngineError(FailureKind.ENGINE_DEAD, "killed")
FILTERED = EngineError(FailureKind.PROMPT, "filtered")


class House:
    """Failures on a clock that stands, of turns that began after all before, unless it is said."""

    def __init__(self, available: Collection[str] = ROSTER) -> None:
        self.now = 0.0
        self.failing = Failing(lambda: self.now)
        self._available = available

    def fails(
        self, *models: str, error: EngineError = BROKEN, began: float | None = None
    ) -> Mapping[str, EngineError]:
        """Return who is to be left alone then."""
        tired = self.failing.add(
            dict.fromkeys(models, error),
            lambda: self._available,
            began=self.now + 1 if began is None else began,
        )
        return tired.errors


def times(number: int, fails: Callable[[], Mapping[str, EngineError]]) -> list[set[str]]:
    return [set(fails()) for _ in range(number)]


def test_three_in_a_row_are_too_many_and_each_one_more() -> None:
    house = House()
    assert times(5, lambda: house.fails("ash")) == [set(), set(), {"ash"}, {"ash"}, {"ash"}]


def test_a_whole_response_begins_another_row() -> None:
    house = House()
    times(FAILURES, lambda: house.fails("ash"))
    house.failing.forgive(["ash", "elm"])
    assert times(FAILURES, lambda: house.fails("ash")) == [set(), set(), {"ash"}]


def test_the_newest_failure_is_the_reason() -> None:
    house = House()
    times(FAILURES - 1, lambda: house.fails("ash"))
    newest = EngineError(FailureKind.BACKEND, "no word")
    assert house.fails("ash", error=newest) == {"ash": newest}


def test_a_death_counts_once_however_many_turns_it_ends() -> None:
    """Who begins after it dies of another one."""
    house = House()
    for began, died, turns in ((0, 5, 6), (6, 9, 6)):
        for number in range(turns):
            house.now = died + number * MOMENT_S  # not all of them hear of it at once
            assert not house.fails("ash", error=DEATH, began=began + number / 2)
    house.now = 99
    assert house.fails("ash", error=DEATH)


def test_what_breaks_many_turns_in_one_moment_counts_once() -> None:
    """A gateway that is started again, under battles of all models."""
    house = House()
    for number in range(6):
        house.now = 5 + number / 10
        pair = (("ash", "elm"), ("oak", "pine"))[number % 2]
        assert not house.fails(*pair, began=number)


def test_turns_side_by_side_that_fail_long_after_each_other_count_each() -> None:
    house, told = House(), []
    for number in range(FAILURES):
        house.now = 60 + 2 * MOMENT_S * number
        told.append(set(house.fails("ash", began=50)))
    assert told == [set(), set(), {"ash"}]


def test_where_both_fail_each_time_three_battles_tell_that_for_all_that_did() -> None:
    house = House()
    pairs = (("ash", "elm"), ("oak", "pine"), ("ash", "elm"), ("oak", "pine"))
    assert [set(house.fails(*pair)) for pair in pairs] == [
        set(),
        set(),
        {"ash", "elm"},
        set(ROSTER),
    ]


def test_who_is_left_alone_already_is_not_counted_with_others() -> None:
    house = House(available=("oak", "pine"))
    times(FAILURES, lambda: house.fails("ash", "elm"))
    assert times(3, lambda: house.fails("oak", "pine")) == [set(), set(), {"oak", "pine"}]


def test_once_anybody_is_well_what_others_share_is_not_what_broke() -> None:
    house, tired = House(), set()
    for _ in range(9):
        tired |= set(house.fails("ash", "elm"))
        house.failing.forgive(["oak", "pine"])
        tired |= set(house.fails("oak", "pine"))
    assert tired == {"ash", "elm"}


def test_prompts_that_both_sides_fail_at_count_for_neither_unless_there_is_nothing_else() -> None:
    house = House()

    def filtered() -> Mapping[str, EngineError]:
        return house.fails("ash", "elm", error=FILTERED)

    assert not any(times(PROMPTS - 1, filtered))
    house.failing.forgive(["oak"])
    assert not any(times(PROMPTS - 1, filtered))
    assert times(FAILURES, filtered) == [set(), set(), {"ash", "elm"}]


def test_prompts_that_one_side_fails_at_count_for_it_only_after_many_in_a_row() -> None:
    house = House()

    def filtered() -> Mapping[str, EngineError]:
        return house.fails("ash", error=FILTERED)

    assert not any(times(PROMPTS - 1, filtered))
    house.failing.forgive(["ash"])
    assert not any(times(PROMPTS - 1, filtered))
    house.failing.forgive(["elm"])  # that another one responds tells nothing of this one
    assert times(FAILURES, filtered) == [set(), set(), {"ash"}]


def test_prompts_that_a_model_fails_at_do_not_hide_its_other_failures() -> None:
    house = House()
    for _ in range(FAILURES - 1):
        assert not house.fails("ash", error=FILTERED)
        assert not house.fails("ash")
    assert not house.fails("ash", error=FILTERED)
    assert house.fails("ash") == {"ash": BROKEN}
