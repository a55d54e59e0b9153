"""Bytes of models that share parts or lie on several devices, and who goes for whom."""

from math import ceil
from pathlib import Path

from serving.budget import Budget, Spot, parts_of
from serving.devices import CONTEXT_BYTES, SPREAD
from serving.spec import ModelSpec


def spec(name: str, device: str = "cpu") -> ModelSpec:
    return ModelSpec(name=name, kind="scripted", device=device)


def budget(parts: dict[str, dict[str, int]], room: int = 100) -> Budget:
    """Return a budget that knows models by their parts."""
    made = Budget({"cpu": room}, lambda spec: parts[spec.name])
    for name in parts:
        made.read(spec(name))
    return made


def spots(*names: str) -> list[Spot]:
    return [Spot(name, "cpu") for name in names]


def used(known: Budget, *names: str) -> int:
    return known.used(spots(*names))["cpu"]


def test_shared_weights_count_once() -> None:
    known = budget({"plain": {"w": 50}, "law": {"w": 50, "l": 2}, "med": {"w": 50, "m": 3}})
    assert used(known, "plain") == 50
    assert used(known, "law", "med") == 55
    assert used(known, "plain", "law", "med") == 55


def test_what_was_measured_corrects_the_weights_for_all_who_share_them() -> None:
    known = budget({"law": {"w": 50, "l": 2}, "med": {"w": 50, "m": 3}})
    known.learn(Spot("law", "cpu"), 62)
    assert used(known, "med") == 63


def test_an_estimate_does_not_overwrite_what_was_measured() -> None:
    parts = {"law": {"w": 50}, "med": {"w": 50, "m": 3}}
    known = Budget({"cpu": 100}, lambda spec: parts[spec.name])
    known.learn(known.read(spec("law")), 60)
    known.read(spec("med"))
    assert used(known, "med") == 63


def test_what_has_no_parts_takes_nothing() -> None:
    known = budget({"far": {}})
    known.learn(Spot("far", "cpu"), 0)
    assert used(known, "far") == 0
    assert parts_of(ModelSpec(name="far", url="http://h/v1", remote_name="x")) == {}


def test_copies_on_two_devices_count_on_each() -> None:
    known = Budget({"cuda:0": 9, "cuda:1": 9}, lambda _: {"w": 5})
    both = [known.read(spec("a", "cuda:0")), known.read(spec("b", "cuda:1"))]
    assert known.used(both) == {"cuda:0": 5, "cuda:1": 5}
    assert known.over(both) == set()


def test_a_spread_model_counts_on_all_its_devices() -> None:
    known = Budget({"cuda:0": 60, "cuda:1": 54}, lambda _: {"w": 100})
    spot = known.read(spec("a", "cuda:0+cuda:1"))
    assert known.used([spot]) == dict.fromkeys(("cuda:0", "cuda:1"), ceil(50 * SPREAD))
    assert known.over([spot]) == {"cuda:1"}
    assert known.size(spot) == 100


def test_the_longest_idle_goes_and_only_who_is_in_the_way() -> None:
    known = budget({"small": {"s": 10}, "large": {"l": 60}, "late": {"t": 20}, "new": {"n": 50}})
    idle = spots("small", "large", "late")
    assert known.victims(spots("new"), idle) == spots("large")
    assert known.victims(spots(), idle) == []


def test_who_stays_is_no_victim() -> None:
    known = budget({"held": {"h": 60}, "idle": {"i": 30}, "new": {"n": 50}})
    assert known.victims(spots("held", "new"), spots("idle")) is None


def test_memory_that_is_being_left_is_not_free_yet() -> None:
    known = budget({"new": {"n": 60}})
    assert known.over(spots("new"), {"cpu": 50}) == {"cpu"}
    assert known.over(spots("new"), {"cpu": 40}) == set()


def test_a_process_of_its_own_costs_a_context_on_a_card_only(tmp_path: Path) -> None:
    from benchmarks.shapes import LLAMA_2_7B, write_shape  # noqa: PLC0415 -- here alone

    folder = write_shape(tmp_path, LLAMA_2_7B)
    model = ModelSpec(name="m", checkpoint=str(folder))
    on_card = model.on("cuda:0")
    together, alone = parts_of(on_card), parts_of(on_card, own_process=True)
    assert sum(alone.values()) - sum(together.values()) == CONTEXT_BYTES
    assert parts_of(model.on("cpu"), own_process=True) == parts_of(model.on("cpu"))
    spread = sum(parts_of(model.on("cuda:0+cuda:1")).values())
    assert spread - sum(together.values()) == 2 * CONTEXT_BYTES
