"""The embedded models through the whole of serving: pool, two engines, one duet."""

import tomllib
from pathlib import Path

import pytest

from serving.duet import Finished, Pace, Shown, duet
from serving.engine import Done, Prompt
from serving.pool import Pool
from serving.spec import ModelSpec

DATA = Path(__file__).parents[2] / "data"
ROSTER = DATA / "rosters" / "demo.toml"


def roster() -> list[ModelSpec]:
    """Return the embedded models as the demo's roster describes them."""
    if not ROSTER.is_file():
        pytest.skip("the embedded models are not made yet")
    entries = tomllib.loads(ROSTER.read_text(encoding="utf-8"))["models"]
    specs = [ModelSpec.model_validate(entry).located(ROSTER.parent) for entry in entries]
    if not all(Path(spec.checkpoint or "").is_dir() for spec in specs):
        pytest.skip("the embedded models are not made yet")
    return specs


async def test_every_embedded_model_streams_its_first_token_at_once() -> None:
    specs = roster()
    pool = Pool(specs, 1 << 30)
    try:
        for spec in specs:
            async with pool.engine(spec.name) as engine:
                end = [event async for event in engine.stream(Prompt.of("What is 2 + 3?"))][-1]
            assert isinstance(end, Done), end
            assert end.first_token_seconds is None or end.first_token_seconds < 1.0
    finally:
        await pool.close()


async def test_two_embedded_models_play_a_duet() -> None:
    specs = roster()
    pool = Pool(specs, 1 << 30)
    prompt = Prompt.of("What is the capital of Japan?", seed=1)
    pace = Pace(characters_per_second=2000, tick_s=0.01, start_s=0)
    try:
        async with pool.engines(specs[0].name, specs[-1].name) as (a, b):
            *shown, last = [event async for event in duet(a.stream(prompt), b.stream(prompt), pace)]
    finally:
        await pool.close()
    assert isinstance(last, Finished)
    assert isinstance(last.a, Done)
    assert isinstance(last.b, Done)
    assert shown[-1] == Shown(last.text_a, last.text_b)
