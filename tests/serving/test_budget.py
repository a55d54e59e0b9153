"""Bytes of models that share parts."""

from serving.budget import Budget, parts_of
from serving.spec import ModelSpec


def budget(parts: dict[str, dict[str, int]]) -> Budget:
    """Return a budget that knows models by their parts."""
    made = Budget(100, lambda spec: parts[spec.name])
    for name in parts:
        made.read(ModelSpec(name=name, kind="scripted"))
    return made


def test_shared_weights_count_once() -> None:
    known = budget({"plain": {"w": 50}, "law": {"w": 50, "l": 2}, "med": {"w": 50, "m": 3}})
    assert known.used(["plain"]) == 50
    assert known.used(["law", "med"]) == 55
    assert known.used(["plain", "law", "med"]) == 55


def test_what_was_measured_corrects_the_weights_for_all_who_share_them() -> None:
    known = budget({"law": {"w": 50, "l": 2}, "med": {"w": 50, "m": 3}})
    known.learn("law", 62)
    assert known.used(["med"]) == 63


def test_an_estimate_does_not_overwrite_what_was_measured() -> None:
    parts = {"law": {"w": 50}, "med": {"w": 50, "m": 3}}
    known = Budget(100, lambda spec: parts[spec.name])
    known.read(ModelSpec(name="law", kind="scripted"))
    known.learn("law", 60)
    known.read(ModelSpec(name="med", kind="scripted"))
    assert known.used(["med"]) == 63


def test_what_has_no_parts_takes_nothing() -> None:
    known = budget({"far": {}})
    known.learn("far", 0)
    assert known.used(["far"]) == 0
    assert parts_of(ModelSpec(name="far", url="http://h/v1", remote_name="x")) == {}
