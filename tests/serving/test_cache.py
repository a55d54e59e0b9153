"""The key-value cache: enough for what it promises, and its price."""

from math import ceil

import pytest

from serving.cache import CacheShape, bytes_per_token, context_of, heads_of, kinds_of
from serving.spec import ModelSpec

LLAMA_2_7B = {"num_hidden_layers": 32, "num_attention_heads": 32, "hidden_size": 4096}
LLAMA_3_8B = LLAMA_2_7B | {"num_key_value_heads": 8}
QWEN_2_7B = {
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "hidden_size": 3584,
}
GPT_2 = {"n_layer": 12, "n_head": 12, "n_embd": 768}


@pytest.mark.parametrize("cuda", [False, True])
def test_a_cache_holds_as_many_full_responses_as_asked(*, cuda: bool) -> None:
    shape = CacheShape.of(1000, 4, cuda=cuda)
    assert shape.blocks == 4 * shape.blocks_for(1000)
    assert shape.tokens >= 1000


@pytest.mark.parametrize(
    ("config", "kibibytes"),
    [
        pytest.param(LLAMA_2_7B, 512, id="Llama 2 7B"),
        pytest.param(LLAMA_3_8B, 128, id="Llama 3.1 8B"),
        pytest.param(QWEN_2_7B, 56, id="Qwen2.5 7B"),
        pytest.param(GPT_2, 36, id="GPT-2"),
        pytest.param({"text_config": LLAMA_3_8B}, 128, id="within a model of several kinds"),
        pytest.param({"num_hidden_layers": 9, "hidden_size": 8}, 0, id="no attention"),
    ],
)
def test_a_token_costs_what_the_published_shapes_say(
    config: dict[str, object], kibibytes: int
) -> None:
    """Two bytes a number: 2 x layers x key-value heads x width of a head x 2 bytes."""
    assert bytes_per_token(config, 2) == kibibytes * 1024


@pytest.mark.parametrize(
    ("asked", "trained", "tokens"),
    [
        pytest.param(None, 2048, 2048, id="the checkpoint's own"),
        pytest.param(None, 131072, 4096, id="not all of a huge one"),
        pytest.param(8192, 131072, 8192, id="what the roster asks for"),
        pytest.param(None, None, 4096, id="unknown"),
    ],
)
def test_the_context_is_the_rosters_or_a_sound_share(
    asked: int | None, trained: int | None, tokens: int
) -> None:
    spec = ModelSpec(name="m", checkpoint="c", context_tokens=asked)
    assert context_of(spec, trained) == tokens


def test_what_each_layer_has_of_its_own_counts_with_its_largest() -> None:
    config = {"hidden_size": 64, "num_attention_heads": [2, 4], "num_hidden_layers": 3}
    assert heads_of(config) == (4, 4, 16)
    assert bytes_per_token(config, 2) == 2 * 3 * 4 * 16 * 2


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        pytest.param({"layer_types": ["a", "b", "a"]}, (2, 1), id="said of each layer"),
        pytest.param({"sliding_window_pattern": 3}, (2, 1), id="said of one in so many"),
        pytest.param({"model_type": "gemma2"}, (2, 1), id="known of the architecture"),
        pytest.param({"sliding_window": 64}, (3,), id="all alike"),
    ],
)
def test_layers_that_see_a_window_are_told_from_those_that_see_all(
    config: dict[str, object], kinds: tuple[int, ...]
) -> None:
    assert kinds_of({"num_hidden_layers": 3, **config}) == kinds


def test_heads_that_gemma_3_leaves_unsaid_count_as_the_library_takes_them() -> None:
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34}
    assert heads_of({"text_config": text}) == (8, 4, 256)
    assert bytes_per_token({"text_config": text}, 2) == 2 * 34 * 4 * 256 * 2
    assert heads_of({"text_config": text | {"num_attention_heads": 16}}) == (16, 4, 256)


def test_layers_of_two_kinds_have_blocks_of_their_own() -> None:
    """Five of six layers see a window: a piece holds a block of them, or five of the sixth."""
    alike = {"num_hidden_layers": 6, "num_attention_heads": 1, "hidden_size": 64}
    mixed, shape = alike | {"sliding_window_pattern": 6}, CacheShape(10, 32, 256, 2)
    page = 32 * 2 * 64 * 2
    assert shape.bytes(alike, 2) == (10 + 2) * 6 * page
    assert shape.bytes(mixed, 2) == (14 + 2) * 5 * page
    reach = 14 * 5 * 32 + 256
    assert shape.inputs(mixed, 2, masked=True) == 2 * reach * (8 + 256 * 2)


@pytest.mark.parametrize("tokens", [32, 192, 512, 992])
def test_a_response_of_full_length_finds_room_in_layers_of_two_kinds(tokens: int) -> None:
    """A piece holds five blocks of the 29 layers with a window, or 29 of the other five."""
    asked = CacheShape.of(tokens, 1, cuda=False).asked(
        {"num_hidden_layers": 34, "sliding_window_pattern": 6}
    )
    blocks = tokens // 32
    assert ceil(blocks / 5) + ceil(blocks / 29) <= ceil(asked * 34 / 145)
