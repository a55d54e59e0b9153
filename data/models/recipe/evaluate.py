"""Count right responses of the tiny models: `python data/models/recipe/evaluate.py`.

Every model of the demo roster is loaded as a user would load it, quantized as the roster says, and
asked held-out prompts of every aspect in both languages and the questions of the demo, always
taking the likeliest token. A response is right when it contains every key of its prompt.
"""

import argparse
import json
import logging
import os
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from corpus import Corpus, Turn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
)

DATA = Path(__file__).resolve().parents[2]
ROSTER = DATA / "rosters" / "demo.toml"
QUESTIONS = DATA / "questions" / "tiny.jsonl"
SEED = 99
BATCH = 24
OUTPUT_TOKENS = 128


def questions() -> list[Turn]:
    """Return the questions of the demo as turns of an aspect of their own, "tiny"."""
    entries = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    return [
        Turn(entry["id"], "tiny", language, entry["text"][language], "", (entry["key"][language],))
        for entry in entries
        for language in ("en", "zh")
    ]


def load(folder: Path, quantization: str) -> tuple[Any, Any]:
    """Return model and tokenizer, quantized on the processor."""
    settings: dict[str, Any] = {"dtype": torch.bfloat16}
    if quantization == "int8":
        settings["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    elif quantization == "nf4":
        settings["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return AutoModelForCausalLM.from_pretrained(folder, **settings), AutoTokenizer.from_pretrained(
        folder, padding_side="left"
    )


def responses(model: Any, tokenizer: Any, prompts: list[str]) -> list[str]:  # noqa: ANN401
    """Return the likeliest response to each prompt."""
    said: list[str] = []
    for start in range(0, len(prompts), BATCH):
        chats = [[{"role": "user", "content": p}] for p in prompts[start : start + BATCH]]
        inputs = tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, return_tensors="pt", padding=True, return_dict=True
        )
        inputs.pop("token_type_ids", None)
        output = model.generate(**inputs, max_new_tokens=OUTPUT_TOKENS, do_sample=False)
        new = output[:, inputs["input_ids"].shape[1] :]
        said += tokenizer.batch_decode(new, skip_special_tokens=True)
    return said


def right(turn: Turn, response: str) -> bool:
    """Tell whether a response contains every key of its prompt."""
    return all(key.casefold() in response.casefold() for key in turn.keys)


def table(scores: dict[str, dict[tuple[str, str], list[bool]]]) -> str:
    """Return right responses of all, a row for each aspect and language, as Markdown."""
    names = list(scores)
    lines = ["| aspect | language | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    groups = list(next(iter(scores.values())))
    for aspect, language in groups:
        cells = [scores[name][aspect, language] for name in names]
        counts = " | ".join(f"{sum(cell)}/{len(cell)}" for cell in cells)
        lines.append(f"| {aspect} | {language} | {counts} |")
    for label, wanted in (("held-out", False), ("tiny.jsonl", True)):
        sums = []
        for name in names:
            all_of = [
                x for g, cell in scores[name].items() if (g[0] == "tiny") == wanted for x in cell
            ]
            sums.append(f"**{sum(all_of)}/{len(all_of)}**")
        lines.append(f"| all {label} | both | " + " | ".join(sums) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, and the wrong responses on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=15, help="prompts for each aspect and language")
    parser.add_argument("--models", type=Path, help="folder of the models (default: the roster's)")
    parser.add_argument("--only", nargs="*", help="names of the models")
    parser.add_argument("--wrong", action="store_true", help="print wrong responses")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    turns = Corpus().held_out(SEED, arguments.each) + questions()
    scores: dict[str, dict[tuple[str, str], list[bool]]] = {}
    for entry in tomllib.loads(ROSTER.read_text(encoding="utf-8"))["models"]:
        name = entry["name"]
        if arguments.only and name not in arguments.only:
            continue
        folder = (
            arguments.models / name if arguments.models else ROSTER.parent / entry["checkpoint"]
        )
        said = responses(*load(folder, entry["quantization"]), [turn.prompt for turn in turns])
        groups = scores.setdefault(name, defaultdict(list))
        for turn, response in zip(turns, said, strict=True):
            groups[turn.aspect, turn.language].append(right(turn, response))
            if arguments.wrong and not right(turn, response):
                print(f"[{name}] {turn.ask}: {turn.prompt}\n    {response!r}\n    {turn.keys}")
    print(table(scores))


if __name__ == "__main__":
    main()
