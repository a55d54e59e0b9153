"""A server is asked for what the roster sets, and shown its key and no other."""

import pytest

from serving.asking import key_of
from serving.engine import KeyRefusedError, Message, Prompt
from tests.serving.far import GOOD, events, far, spec_of


async def test_everything_a_roster_sets_is_asked_for() -> None:
    fields = {
        "system_prompt": "Be brief.",
        "sampling": {"temperature": 0.3, "top_p": 0.9, "top_k": 40},
        "stop": ["User:"],
        "output_tokens": 64,
    }
    prompt = Prompt((Message("user", "a"), Message("assistant", "b"), Message("user", "c")), seed=9)
    async with far(GOOD, **fields) as (engine, server):
        await events(engine, prompt)
    (asked,) = server.asked
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    expected = {
        "model": "served",
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 40,
        "stop": ["User:"],
        "max_tokens": 64,
        "seed": 9,
        "stream": True,
    }
    assert expected.items() <= asked.items()


async def test_the_key_comes_from_the_environment_and_stays_out_of_the_specification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAR_KEY", "s3cret-key")
    async with far(GOOD, api_key_env="FAR_KEY") as (engine, server):
        await events(engine)
        assert "s3cret-key" not in repr(engine._spec)  # noqa: SLF001
    assert b"\r\nauthorization: bearer s3cret-key\r\n" in server.head.lower()


@pytest.mark.parametrize("key", ["s3c\nret", "s3cr\u2019t"], ids=ascii)
def test_a_key_that_cannot_be_sent_is_told_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_KEY", key)
    with pytest.raises(KeyRefusedError) as caught:
        key_of(spec_of("http://127.0.0.1:9/v1", api_key_env="FAR_KEY"))
    told = "the key in FAR_KEY cannot be sent; let it hold one line of ASCII letters and signs"
    assert caught.value.cause == f"far: {told}"
