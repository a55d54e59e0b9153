"""Throw-away models for the serving tests: random weights, real files, real libraries."""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from serving.process import ANSWER_S, LOAD_S, SILENCE_S, EngineProcess
from serving.reply import Reply
from tests.serving.bad_process import Start
from tests.serving.hub import put
from tests.serving.virtual_time import let_pass

os.environ["HF_HUB_OFFLINE"] = "1"  # before any library reads it

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def _tokenizer(folder: Path, *, template: str | None = TEMPLATE) -> int:
    """Write a tokenizer of single bytes; return its number of tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 -- heavy

    words = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bytes_only = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    fast = PreTrainedTokenizerFast(tokenizer_object=bytes_only)  # type: ignore[no-untyped-call]
    fast.pad_token, _, fast.eos_token = SPECIAL
    fast.chat_template = template
    fast.save_pretrained(folder)
    return len(words)


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of tiny random checkpoints."""

    def make(
        *,
        template: str | None = TEMPLATE,
        family: str = "Llama",
        **changes: Any,  # noqa: ANN401 -- any field of a configuration
    ) -> Path:
        import torch  # noqa: PLC0415 -- heavy
        import transformers  # noqa: PLC0415 -- heavy

        folder = tmp_path_factory.mktemp("checkpoint")
        size = _tokenizer(folder, template=template)
        shape: dict[str, Any] = {
            "vocab_size": size,
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 512,
            "eos_token_id": 2,
            "bos_token_id": None,
            "pad_token_id": 0,
            "initializer_range": 0.5,
        }
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**(shape | changes))
        getattr(transformers, f"{family}ForCausalLM")(config).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    """One tiny random checkpoint."""
    folder = make_checkpoint()
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    return folder


@pytest.fixture(scope="session")
def endless(make_checkpoint: Callable[..., Path]) -> Path:
    """One that goes on for longer than any test waits."""
    return make_checkpoint(max_position_embeddings=2**14)


@pytest.fixture
def put_on_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return who lays a folder into the hub's cache, and returns its commit."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return partial(put, tmp_path / "hub")


@pytest.fixture
def late_once_heard(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return who lets 25 seconds pass whenever something of a response was heard."""
    add = Reply.add

    def then_late(self: Reply, chunk: object) -> Iterator[str]:
        yield from add(self, chunk)
        let_pass(25.0, monkeypatch)

    return lambda: monkeypatch.setattr(Reply, "add", then_late)


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a starter of processes that break; none outlives the test."""
    started: list[EngineProcess] = []

    def one(
        silence_s: float = SILENCE_S, answer_s: float = ANSWER_S, load_s: float = LOAD_S
    ) -> EngineProcess:
        process = EngineProcess(
            "cpu",
            module="tests.serving.bad_child",
            silence_s=silence_s,
            answer_s=answer_s,
            load_s=load_s,
        )
        started.append(process)
        return process

    yield one
    for process in started:
        process.end()
