"""What is taken of the chunks of a server that may say anything."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from serving.reply import MOST_TOKENS, Reply
from serving.watch import Watch
from tests.serving.far import spec_of


def chunk(content: str | None = None, **more: object) -> Any:  # noqa: ANN401 -- as the client's
    delta = SimpleNamespace(content=content)
    choice = SimpleNamespace(delta=delta, finish_reason=more.get("finish"))
    return SimpleNamespace(choices=[choice], usage=more.get("usage"))


async def tokens_of(said: object) -> int:
    """Return how many tokens two pieces are of which a server says a number."""
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    for piece in ("all ", "said"):
        reply.add(chunk(piece))
    reply.add(chunk(usage=SimpleNamespace(completion_tokens=said), finish="stop"))
    return reply.tokens


@pytest.mark.parametrize("said", [1, 17, MOST_TOKENS])
async def test_a_whole_number_of_tokens_is_taken(said: int) -> None:
    assert await tokens_of(said) == said


@pytest.mark.parametrize(
    "said", ["x", [], 10**23, MOST_TOKENS + 1, math.inf, math.nan, -1, 2.5, 0, True, None], ids=repr
)
async def test_of_anything_else_the_pieces_are_counted(said: object) -> None:
    tokens = await tokens_of(said)
    assert (type(tokens), tokens) == (int, 2)


async def test_a_usage_without_a_count_is_none() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    reply.add(chunk("word", usage="many"))
    assert reply.tokens == 1
