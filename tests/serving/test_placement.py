"""Who goes to which device: most room first, the longest idle leave, the impossible never waits."""

from itertools import permutations

import pytest

from serving.budget import Budget, Spot
from serving.engine import EngineError, FailureKind
from serving.placement import Placement, Plan
from serving.spec import ModelSpec

TWO = {"cuda:0": 10, "cuda:1": 12, "cpu": 5}


def placement(
    models: dict[str, int | tuple[int, str]], rooms: dict[str, int] | None = None
) -> Placement:
    """Return decisions about models of given sizes, some with a device of their own."""
    sizes = {name: said if isinstance(said, int) else said[0] for name, said in models.items()}
    devices = {name: "auto" if isinstance(said, int) else said[1] for name, said in models.items()}
    budget = Budget(rooms or TWO, lambda spec: {spec.name: sizes[spec.name]})
    specs = [ModelSpec(name=name, kind="scripted", device=devices[name]) for name in models]
    return Placement(budget, specs)


def places(plan: Plan | None) -> dict[str, str]:
    assert plan is not None
    return dict(plan.spots)


def test_a_model_goes_where_most_room_is_left() -> None:
    made = placement({"a": 4, "b": 4, "c": 4})
    assert places(made.plan(["a"], {}, [])) == {"a": "cuda:1"}
    assert places(made.plan(["b"], {"a": "cuda:1"}, [])) == {"b": "cuda:0"}


def test_main_memory_serves_who_asks_for_it_and_where_there_is_no_card() -> None:
    assert places(placement({"a": (4, "cpu")}).plan(["a"], {}, [])) == {"a": "cpu"}
    assert places(placement({"a": 4}, {"cpu": 5}).plan(["a"], {}, [])) == {"a": "cpu"}


def test_a_device_that_is_named_is_kept_even_if_somebody_must_leave() -> None:
    made = placement({"a": (8, "cuda:0"), "b": 8})
    plan = made.plan(["a"], {"b": "cuda:0"}, ["b"])
    assert plan == Plan((Spot("a", "cuda:0"),), (Spot("b", "cuda:0"),))


def test_both_of_a_pair_find_a_place_that_neither_alone_would_choose() -> None:
    made = placement({"small": 9, "large": 12})
    assert places(made.plan(["small", "large"], {}, [])) == {"small": "cuda:0", "large": "cuda:1"}


def test_nobody_leaves_while_another_device_has_room() -> None:
    made = placement({"a": 7, "b": 7})
    plan = made.plan(["b"], {"a": "cuda:1"}, ["a"])
    assert plan == Plan((Spot("b", "cuda:0"),), ())


def test_the_longest_idle_of_all_devices_leaves() -> None:
    made = placement({"a": 8, "b": 8, "c": 8})
    plan = made.plan(["c"], {"a": "cuda:0", "b": "cuda:1"}, ["b", "a"])
    assert plan == Plan((Spot("c", "cuda:1"),), (Spot("b", "cuda:1"),))


def test_who_is_in_use_stays() -> None:
    made = placement({"a": 8, "b": 8, "c": 8})
    held = {"a": "cuda:0", "b": "cuda:1"}
    assert made.plan(["c"], held, []) is None
    assert places(made.plan(["c"], held, ["a"])) == {"c": "cuda:0"}


def test_weights_that_are_there_draw_their_adapters() -> None:
    budget = Budget(TWO, lambda spec: {"base": 6, spec.name: 1})
    specs = [ModelSpec(name=name, kind="scripted") for name in "ab"]
    plan = Placement(budget, specs)
    assert places(plan.plan(["a"], {}, [])) == {"a": "cuda:1"}
    assert places(plan.plan(["b"], {"a": "cuda:1"}, [])) == {"b": "cuda:1"}
    assert places(plan.plan(["b"], {"a": "cuda:0"}, [])) == {"b": "cuda:0"}


def test_a_model_larger_than_a_card_lies_on_as_few_as_hold_it() -> None:
    made = placement({"a": 18}, {"cuda:0": 10, "cuda:1": 4, "cuda:2": 12, "cpu": 99})
    assert places(made.plan(["a"], {}, [])) == {"a": "cuda:0+cuda:2"}


def test_who_lies_in_the_way_of_its_partner_is_laid_down_anew() -> None:
    made = placement({"a": 6, "b": (9, "cuda:1")})
    plan = made.plan(["a", "b"], {"a": "cuda:1"}, ["a"])
    assert plan is not None
    assert dict(plan.spots) == {"a": "cuda:0", "b": "cuda:1"}
    assert plan.victims == (Spot("a", "cuda:1"),)


@pytest.mark.parametrize(
    ("names", "message", "kind"),
    [
        pytest.param(["huge"], "huge needs .*12.* on cuda:1", "out_of_memory", id="one"),
        pytest.param(["e", "f", "g"], "e and f and g need", "out_of_memory", id="together"),
        pytest.param(["far"], "far: device cuda:7 is not there", "backend", id="no such device"),
        pytest.param(["none"], "no model named none", "backend", id="unknown"),
    ],
)
def test_what_can_never_be_is_refused(names: list[str], message: str, kind: str) -> None:
    gib = 2**30
    rooms = {device: room * gib for device, room in TWO.items()}
    models: dict[str, int | tuple[int, str]] = {"huge": 30 * gib, "far": (1, "cuda:7")}
    made = placement(models | dict.fromkeys("efg", 8 * gib), rooms)
    with pytest.raises(EngineError, match=message) as refused:
        made.check(names)
    assert refused.value.kind is FailureKind(kind)


def test_many_fit_as_far_as_they_find_places_one_after_the_other() -> None:
    made = placement(dict.fromkeys("abcde", 5))
    assert made.fit("abcd")
    assert not made.fit("abcde")


def test_whether_many_fit_does_not_depend_on_their_order() -> None:
    made = placement({"a": 6, "b": 8, "c": 7, "d": 7}, {"cuda:0": 13, "cuda:1": 15, "cpu": 5})
    assert all(made.fit(order) for order in permutations("abcd"))
