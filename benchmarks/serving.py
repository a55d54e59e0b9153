"""Processor time of a token and the wait for the first one: our engine against threads.

Eight battles at once on two models of 30 million random weights. The other side is how a first
arena is usually written (FastChat's way): a thread and a streamer for each response. Wall time on
a shared machine says little, so the figure is the processor's seconds. Quality of text is no
matter here, and neither are pages or votes.

Run it with `python -m benchmarks.serving [--json] [--long]`.
"""

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    TextIteratorStreamer,
)

from benchmarks.report import Report, Row, conclude, parser, progress
from serving.engine import Done, Prompt
from serving.local import LocalEngine, build
from serving.spec import ModelSpec, Sampling

MODELS: Final = 2
BATTLES: Final = 8
TO_REACH: Final = 2.5  # times less processor time than threads
ASKED: Final = "Why does the moon look larger near the horizon?"
TEMPLATE: Final = "{% for m in messages %}{{ m.content }}{% endfor %}"


@dataclass(frozen=True)
class Measured:
    """One way of serving, once."""

    cpu_s: float
    wall_s: float
    tokens: int
    first_s: tuple[float, ...]

    @property
    def cpu_ms_per_token(self) -> float:
        """Milliseconds of processor time for each token."""
        return self.cpu_s / self.tokens * 1_000


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of single bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - here alone

    words = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    plain = Tokenizer(models.BPE(vocab={word: at for at, word in enumerate(words)}, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_object=plain)  # type: ignore[no-untyped-call]
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def write_model(folder: Path, seed: int, *, width: int, layers: int) -> None:
    """Write a Llama of random weights with a tokenizer of single bytes."""
    write_tokenizer(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=width,
        intermediate_size=width * 5 // 2,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=None,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


async def _timed(work: Callable[[], Awaitable[list[tuple[float, int]]]]) -> Measured:
    cpu, wall = time.process_time(), time.perf_counter()
    each = await work()
    return Measured(
        time.process_time() - cpu,
        time.perf_counter() - wall,
        sum(tokens for _, tokens in each),
        tuple(first for first, _ in each),
    )


async def engines_serve(engines: list[LocalEngine], tokens: int) -> list[tuple[float, int]]:
    """Serve all battles with our engines; return first-token seconds and tokens of each side."""

    async def one(engine: LocalEngine, seed: int) -> tuple[float, int]:
        prompt = Prompt(Prompt.of(ASKED).messages, seed=seed, max_tokens=tokens)
        last = [event async for event in engine.stream(prompt)][-1]
        if not isinstance(last, Done):
            raise TypeError(f"a response was lost: {last}")
        return last.first_token_seconds or 0.0, last.tokens

    sides = (one(engine, seed) for seed in range(BATTLES) for engine in engines)
    return list(await asyncio.gather(*sides))


async def threads_serve(loaded: list[tuple[Any, Any]], tokens: int) -> list[tuple[float, int]]:
    """Serve all battles with a thread and a streamer for each response."""

    def one(model: Any, tokenizer: Any) -> tuple[float, int]:  # noqa: ANN401 - transformers' classes
        started = time.perf_counter()
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
        ids = tokenizer(ASKED, return_tensors="pt")["input_ids"].to(model.device)
        asked = {"max_new_tokens": tokens, "do_sample": True, "temperature": 0.7, "pad_token_id": 0}
        thread = threading.Thread(
            target=model.generate, kwargs={"input_ids": ids, "streamer": streamer, **asked}
        )
        thread.start()
        first = None
        for text in streamer:
            if text and first is None:
                first = time.perf_counter() - started
        thread.join()
        return first or time.perf_counter() - started, tokens

    sides = [asyncio.to_thread(one, *pair) for _ in range(BATTLES) for pair in loaded]
    return list(await asyncio.gather(*sides))


async def compare(
    folder: Path, *, tokens: int, rounds: int, width: int = 512, layers: int = 5
) -> dict[str, list[Measured]]:
    """Measure both ways in turns."""
    specs = []
    for number in range(MODELS):
        place = folder / str(number)
        write_model(place, number, width=width, layers=layers)
        specs.append(
            ModelSpec(
                name=str(number),
                checkpoint=str(place),
                output_tokens=512,
                context_tokens=1024,
                batch=BATTLES,
                device="cpu",
                sampling=Sampling(temperature=0.7),
            )
        )
    engines = [build(spec) for spec in specs]
    loaded = [_load(spec) for spec in specs]
    measured: dict[str, list[Measured]] = {"our engine": [], "threads and streamers": []}
    for turn in range(rounds):
        progress(f"round {turn + 1} of {rounds}")
        measured["our engine"].append(await _timed(lambda: engines_serve(engines, tokens)))
        measured["threads and streamers"].append(
            await _timed(lambda: threads_serve(loaded, tokens))
        )
    for engine in engines:
        await engine.close()
    return measured


def _load(spec: ModelSpec) -> tuple[Any, Any]:
    from serving.loading import load  # noqa: PLC0415 - here alone

    loaded = load(spec)
    return loaded.model, loaded.tokenizer


def measure(*, long: bool) -> Report:
    """Return both ways beside each other."""
    tokens, rounds = (128, 5) if long else (48, 3)
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(compare(Path(folder), tokens=tokens, rounds=rounds))
    rows = [_row(way, turns) for way, turns in measured.items()]
    cpu = {way: statistics.median(t.cpu_ms_per_token for t in ts) for way, ts in measured.items()}
    ratio = cpu["threads and streamers"] / cpu["our engine"]
    faults = []
    if ratio < TO_REACH:
        faults.append(f"{ratio:.2f} times less processor time, to reach: {TO_REACH}")
    ours, theirs = (row["first token s, median"] for row in rows)
    if float(ours or 0) > float(theirs or 0):
        faults.append(f"the first token came after {ours} s, with threads after {theirs} s")
    return Report(
        "serving",
        {"models": MODELS, "battles": BATTLES, "tokens": tokens, "rounds": rounds},
        rows,
        notes=[f"processor time of a token: {ratio:.2f} times less than with threads"],
        faults=faults,
    )


def _row(way: str, turns: list[Measured]) -> Row:
    return {
        "way": way,
        "processor ms a token": statistics.median(turn.cpu_ms_per_token for turn in turns),
        "tokens a second": statistics.median(turn.tokens / turn.wall_s for turn in turns),
        "first token s, median": statistics.median(f for turn in turns for f in turn.first_s),
        "first token s, slowest": max(first for turn in turns for first in turn.first_s),
    }


def main() -> int:
    """Run from the command line."""
    options = parser("Processor time of a token, against threads.").parse_args()
    return conclude(lambda: measure(long=options.long), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
