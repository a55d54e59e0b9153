"""What is taken of the chunks of a server that may say anything."""

import math

import pytest

from serving.engine import EngineError
from serving.reply import MOST_TOKENS, Reply
from serving.watch import Watch
from tests.serving.far import spec_of


def chunk(content: object = None, **more: object) -> dict[str, object]:
    choice = {"delta": {"content": content}, "finish_reason": more.get("finish")}
    return {"choices": [choice], "usage": more.get("usage")}


async def tokens_of(said: object) -> int:
    """Return how many tokens two pieces are of which a server says a number."""
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    for piece in ("all ", "said"):
        reply.add(chunk(piece))
    reply.add(chunk(usage={"completion_tokens": said}, finish="stop"))
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


async def test_what_is_no_text_is_not_taken_for_an_empty_response() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    for content in ([{"type": "text", "text": "word"}], {"text": "word"}, 7):
        with pytest.raises(EngineError, match="in place of text came "):
            reply.add(chunk(content))


@pytest.mark.parametrize(
    "said", [7, "word", [], {"choices": [None]}, {"choices": "word"}], ids=repr
)
async def test_what_is_no_chunk_is_said_in_few_words(said: object) -> None:
    with pytest.raises(EngineError, match=r"in place of (a chunk|choices) came "):
        Reply(spec_of("http://127.0.0.1:9/v1"), Watch()).add(said)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"delta": None, "finish_reason": None}]},
        {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": ""}]},
    ],
    ids=repr,
)
async def test_a_chunk_may_say_nothing(said: object) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    assert (reply.add(said), reply.tokens, reply.whole) == ("", 0, False)
