"""Which architectures are served, and how: a tiny checkpoint of random weights of each, loaded.

Shaped alike and nothing more: no published weights are here. Each is loaded in full width, int8 and
nf4 as `arena serve` would, and says how it is served: in batches, by plain generation, or not at
all. What it says in company must be what it says alone, and what it takes in memory what the
estimate said: where the library cannot batch, the estimate still counts the room of a batch.

Run it with `python -m benchmarks.families [--json] [--long]` (the same in both forms).
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.report import Report, Row, conclude, parser, progress
from benchmarks.serving import write_tokenizer
from serving.engine import Delta, Done, EngineError, Prompt
from serving.estimate import estimate
from serving.local import LocalEngine
from serving.spec import ModelSpec, Sampling
from serving.weights import Weights

SIZES: Final[dict[str, Any]] = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}
ALL_HEADS: Final = {"num_key_value_heads": 4}  # one for each query: older than sharing them
NAMES_OF_OLD: Final = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512, **ALL_HEADS}
EXPERTS: Final = {"moe_intermediate_size": 64, "num_experts_per_tok": 2}
# The type that a configuration says, and what its configuration calls otherwise or needs beside.
FAMILIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "llama": {},
    "mistral": {},
    "mixtral": {"num_local_experts": 2},
    "qwen2": {},
    "qwen3": {},
    "qwen3_moe": {"num_experts": 4, **EXPERTS},
    "gemma": {},
    "gemma2": {},
    "gemma3_text": {"num_hidden_layers": 6},
    "phi": {},
    "phi3": {},
    "olmo2": {},
    "granite": {},
    "glm4": {},
    "cohere2": {"num_hidden_layers": 4},
    "stablelm": {},
    "starcoder2": {},
    "smollm3": {},
    "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "gpt_neox": ALL_HEADS,
    "gpt2": NAMES_OF_OLD,
    "gptj": {**NAMES_OF_OLD, "rotary_dim": 16},
    "gpt_bigcode": NAMES_OF_OLD,
    "opt": {"ffn_dim": 128, "word_embed_proj_dim": 64, **ALL_HEADS},
    "mpt": {"d_model": 64, "n_heads": 4, "n_layers": 2, "max_seq_len": 512, **ALL_HEADS},
    "bloom": {"n_head": 4, "n_layer": 2, **ALL_HEADS},
    "falcon": {"multi_query": False, **ALL_HEADS},
    "mamba": {"state_size": 8},
}
QUANTIZATIONS: Final = ("none", "int8", "nf4")
PROMPTS: Final = ("Why?", "What is a bat, and what is it not?", "Count.")
TOKENS: Final = 12
NEAR: Final = 1.05  # most times that the estimate may be off


def write_family(folder: Path, family: str) -> Path:
    """Write a tiny checkpoint of random weights of one architecture; return its folder."""
    config = AutoConfig.for_model(family, **{**SIZES, **FAMILIES[family]})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return folder


def spec_of(folder: Path, quantization: str) -> ModelSpec:
    """Return the model of a checkpoint, greedy, so that it says the same each time."""
    said = {"name": "m", "checkpoint": str(folder), "quantization": quantization, "device": "cpu"}
    sizes = {"context_tokens": 256, "output_tokens": TOKENS, "batch": len(PROMPTS)}
    return ModelSpec.model_validate({**said, **sizes, "sampling": Sampling(temperature=0.0)})


async def said_by(engine: LocalEngine, prompt: str) -> str:
    """Return what a model says to a prompt.

    Raises
    ------
    TypeError
        If the response was lost.
    """
    events = [event async for event in engine.stream(Prompt.of(prompt))]
    if not isinstance(events[-1], Done):
        raise TypeError(f"a response was lost: {events[-1]}")
    return "".join(event.text for event in events if isinstance(event, Delta))


async def tried(spec: ModelSpec) -> Row:
    """Return how a model is served, or why not."""
    try:
        weights = await asyncio.to_thread(Weights, spec)
    except EngineError as refusal:
        return {"served": "refused", "why": refusal.cause}
    engine = LocalEngine(spec, weights)
    try:
        alone = [await said_by(engine, prompt) for prompt in PROMPTS]
        together = await asyncio.gather(*(said_by(engine, prompt) for prompt in PROMPTS))
        return {
            "served": "in batches" if weights.batched else "plainly",
            "estimate": estimate(spec).held / engine.footprint,
            "same": together == alone,
        }
    finally:
        await engine.close()


async def family_rows(folder: Path, family: str) -> dict[str, Row]:
    """Return how a family is served in each quantization."""
    place = await asyncio.to_thread(write_family, folder, family)
    return {way: await tried(spec_of(place, way)) for way in QUANTIZATIONS}


def table(found: Mapping[str, Mapping[str, Row]]) -> Report:
    """Return the table of families, with what must not be as faults and refusals as notes."""
    rows: list[Row] = []
    notes: list[str] = []
    faults: list[str] = []
    for family, ways in found.items():
        rows.append(
            {
                "architecture": family,
                **{way: one["served"] for way, one in ways.items()},
                "estimate, none": ways["none"].get("estimate"),
            }
        )
        for way, one in ways.items():
            if one["served"] == "refused":
                notes.append(f"{family}, {way}: {one['why']}")
            # int8 finds its outliers over the whole batch, so it may say something else in company
            elif not one["same"] and way != "int8":
                faults.append(f"{family}, {way}: says something else in company than alone")
            if one["served"] == "in batches" and not 1 / NEAR <= float(one["estimate"]) <= NEAR:  # type: ignore[arg-type]
                faults.append(f"{family}, {way}: estimate {one['estimate']:.3f} of measured")
    return Report("families", {"architectures": len(found), "tokens": TOKENS}, rows, notes, faults)


async def measured(families: Iterable[str]) -> dict[str, dict[str, Row]]:
    """Load each family in each quantization."""
    found = {}
    for family in families:
        progress(family)
        with tempfile.TemporaryDirectory() as folder:
            found[family] = await family_rows(Path(folder), family)
    return found


def main() -> int:
    """Run from the command line."""
    options = parser("Which architectures are served, and how.").parse_args()
    return conclude(lambda: table(asyncio.run(measured(FAMILIES))), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
