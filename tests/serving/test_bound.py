"""The bound of a roster: one number of bytes, whoever meets, and no model's own count."""

import math
from pathlib import Path

from serving.bound import TOKEN_BYTES, bound_of, bytes_of
from serving.spec import ModelSpec


def model(context: int | None, **fields: object) -> ModelSpec:
    told = {"name": "m", "kind": "scripted", "context_tokens": context, "output_tokens": 64}
    return ModelSpec.model_validate({**told, **fields})


def test_the_smallest_context_counts_less_response_and_system_prompt() -> None:
    assert bound_of([model(512), model(96)]) == 32 * TOKEN_BYTES
    told = bound_of([model(512, system_prompt="Be brief.")])
    assert told == (512 - 64) * TOKEN_BYTES - bytes_of(["Be brief."])


def test_who_tells_no_context_sets_no_bound() -> None:
    assert bound_of([model(None)]) == math.inf
    assert bound_of([]) == math.inf
    gone = ModelSpec(name="m", checkpoint="/nowhere/at/all")
    assert bound_of([gone, model(96)]) == 32 * TOKEN_BYTES


def test_a_checkpoint_tells_its_context_where_the_roster_does_not(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 256}')
    assert bound_of([model(None, kind="local", checkpoint=str(tmp_path))]) == 192 * TOKEN_BYTES


def test_bytes_count_and_every_turn_adds_what_a_template_puts_around_it() -> None:
    assert bytes_of(["冰"]) == bytes_of(["ice"])
    assert bytes_of(["ice", ""]) > bytes_of(["ice"])
