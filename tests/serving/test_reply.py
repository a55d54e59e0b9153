"""What is taken of the chunks of a server that may say anything."""

import math

import pytest

from serving.duet import Pace
from serving.engine import EngineError, FailureKind
from serving.reply import AT_ONCE, GRACE_S, MOST_TOKENS, Reply
from serving.watch import Watch
from tests.serving.far import spec_of


def chunk(content: object = None, **more: object) -> dict[str, object]:
    choice = {"delta": {"content": content}, "finish_reason": more.get("finish")}
    return {"choices": [choice], "usage": more.get("usage")}


def add(reply: Reply, said: object) -> str:
    return "".join(reply.add(said))


async def tokens_of(said: object) -> int:
    """Return how many tokens two pieces are of which a server says a number."""
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    for piece in ("all ", "said"):
        add(reply, chunk(piece))
    add(reply, chunk(usage={"completion_tokens": said}, finish="stop"))
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
    add(reply, chunk("word", usage="many"))
    assert reply.tokens == 1


@pytest.mark.parametrize(
    "content",
    [7, {"text": "word"}, ["word"], [{"type": "image_url", "text": "word"}], [{"type": "text"}]],
    ids=repr,
)
async def test_what_is_no_text_is_not_taken_for_an_empty_response(content: object) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    with pytest.raises(EngineError, match="in place of text came "):
        add(reply, chunk(content))


async def test_nor_is_text_where_a_delta_should_be() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    with pytest.raises(EngineError, match="in place of a delta came 'word'"):
        add(reply, {"choices": [{"delta": "word", "finish_reason": "stop"}]})


@pytest.mark.parametrize(
    "whole",
    [
        {"message": {"role": "assistant", "content": "word"}},
        {"text": "word"},
        {"delta": None, "text": "word"},
        {"delta": {"role": "assistant"}, "message": {"content": "word"}},
    ],
    ids=str,
)
async def test_nor_is_a_response_that_comes_at_once_in_place_of_deltas(
    whole: dict[str, object],
) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    with pytest.raises(EngineError, match="in place of a delta came "):
        add(reply, {"choices": [whole | {"finish_reason": "stop"}]})


async def test_but_with_deltas_it_only_says_them_again() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    assert add(reply, {"choices": [{"message": {"role": "assistant"}}]}) == ""
    beside = {"delta": {"content": "word"}, "message": {"content": "word"}}
    assert add(reply, {"choices": [beside]}) == "word"
    again = {"message": {"content": "word"}, "finish_reason": "stop"}
    assert (add(reply, {"choices": [again]}), reply.whole) == ("", True)


async def test_a_long_text_comes_in_pieces_between_which_others_may_have_their_turn() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    pieces = [len(text) for text in reply.add(chunk("x" * 2 * AT_ONCE + "xx"))]
    assert pieces == [AT_ONCE, AT_ONCE, 2]
    assert reply.tokens == 1


async def test_of_a_list_of_parts_the_text_is_taken_and_what_was_thought_is_not() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [thought, {"type": "text", "text": "all "}, {"type": "text", "text": "said"}]
    assert add(reply, chunk(parts)) == "all said"
    assert add(reply, chunk([])) == ""
    assert reply.tokens == 1


async def test_of_several_choices_number_0_counts_wherever_it_stands() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    ours = {"index": 0, "delta": {"content": "ours"}, "finish_reason": None}
    other = {"index": 1, "delta": {"content": "other"}, "finish_reason": "stop"}
    assert add(reply, {"choices": [other, ours]}) == "ours"
    assert add(reply, {"choices": [other]}) == ""
    assert (reply.tokens, reply.whole) == (1, False)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
    ],
)
async def test_servers_have_several_words_for_an_end_of_the_models_own(
    said: str, reason: str
) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    add(reply, chunk("all", finish=said))
    assert (reply.finish_reason, reply.whole) == (reason, True)


@pytest.mark.parametrize(
    "said",
    [
        "abort",
        "error",
        "content_filter",
        "tool_calls",
        "insufficient_system_resource",
        {"type": "abort"},
        7,
    ],
    ids=repr,
)
async def test_any_other_end_is_the_servers(said: object) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    add(reply, chunk("half"))
    with pytest.raises(EngineError) as caught:
        add(reply, chunk(finish=said))
    assert caught.value.kind is FailureKind.BACKEND
    assert caught.value.cause == f"the server ended it: {said!r}"
    assert not reply.whole


def test_a_server_that_leaves_the_line_open_holds_the_pace_up_for_one_step_at_most() -> None:
    assert Pace().tick_s >= GRACE_S


async def test_what_comes_after_the_end_changes_it_no_more() -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    add(reply, chunk("all", finish="length"))
    add(reply, chunk(finish="abort"))
    assert (reply.finish_reason, reply.whole) == ("length", True)


@pytest.mark.parametrize(
    "said", [7, {"choices": "word"}, {"choices": [{"delta": "word"}]}, chunk(7)], ids=repr
)
async def test_nor_is_the_response_lost_by_it(said: object) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    assert add(reply, chunk("all", finish="stop")) == "all"
    assert (add(reply, said), reply.finish(), reply.finish_reason) == ("", "", "stop")


@pytest.mark.parametrize(
    "said",
    [
        {"message": "CUDA out of memory"},
        {"object": "error", "message": "CUDA out of memory", "code": 500},
        {"detail": "CUDA out of memory"},
    ],
    ids=str,
)
async def test_what_is_said_before_an_early_end_is_its_cause(said: object) -> None:
    reply = Reply(spec_of("http://127.0.0.1:9/v1"), Watch())
    add(reply, chunk("half"))
    add(reply, said)
    with pytest.raises(EngineError) as caught:
        reply.finish()
    assert caught.value.kind is FailureKind.OUT_OF_MEMORY
    assert caught.value.cause == "the stream ended early: CUDA out of memory"


async def test_a_stop_string_ended_a_response_before_the_server_did() -> None:
    for more in (" more", " and on" * 99):  # also where it went on past any limit
        reply = Reply(spec_of("http://127.0.0.1:9/v1", stop=["User:"], output_tokens=1), Watch())
        assert add(reply, chunk(f"all User:{more}", finish="abort")) == "all "
        assert (reply.finish_reason, reply.ended) == ("stop", True)


@pytest.mark.parametrize(
    "said",
    [7, "word", [], {"choices": [None]}, {"choices": [{}, "word"]}, {"choices": "word"}],
    ids=repr,
)
async def test_what_is_no_chunk_is_said_in_few_words(said: object) -> None:
    with pytest.raises(EngineError, match=r"in place of (a chunk|choices) came "):
        add(Reply(spec_of("http://127.0.0.1:9/v1"), Watch()), said)


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
    assert (add(reply, said), reply.tokens, reply.whole) == ("", 0, False)
