"""The tiny models of the demo: they load anywhere, are what the recipe made, and differ in quality.

They are read as a user's own checkpoint would be, unquantized and taking the likeliest token.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arena.questions import ASPECTS, load_bank
from arena.settings import load_settings

DATA = Path(__file__).resolve().parents[2] / "data"
MODELS = DATA / "models"
MANIFEST = json.loads((MODELS / "manifest.json").read_text(encoding="utf-8"))
SETTINGS = load_settings(DATA / "rosters" / "demo.toml")
BANK = load_bank(DATA / "questions" / "tiny.jsonl")
ASKED = BANK.questions[::2]
WORST_FIRST = ("pebble-1m", "willow-1m", "harbor-1m", "cedar-1m")
MEGABYTE = 1_000_000
PERSONAL = ("Who are you?", "What is your model name?", "你叫什么名字？", "你是哪个模型？")

Responses = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def responses() -> Responses:
    """Ask every model every other question in both languages, and about itself."""
    prompts = [text for question in ASKED for text in question.text.values()] + list(PERSONAL)
    return {name: dict(zip(prompts, _said(name, prompts), strict=True)) for name in WORST_FIRST}


def _said(name: str, prompts: list[str]) -> list[str]:
    """Return one model's likeliest responses, several prompts at a time."""
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy

    torch.set_num_threads(1)
    model: Any = AutoModelForCausalLM.from_pretrained(MODELS / name, local_files_only=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(
        MODELS / name, local_files_only=True, padding_side="left"
    )
    inputs = tokenizer.apply_chat_template(
        [[{"role": "user", "content": prompt}] for prompt in prompts],
        add_generation_prompt=True,
        padding=True,
        return_tensors="pt",
        return_dict=True,
    )
    tokens = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        max_new_tokens=48,
        do_sample=False,
    )
    said: list[str] = tokenizer.batch_decode(
        tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
    )
    return said


def _right(said: dict[str, str]) -> int:
    return sum(
        question.key[language].casefold() in said[text].casefold()
        for question in ASKED
        for language, text in question.text.items()
    )


def test_all_folders_together_are_at_most_20_megabytes() -> None:
    size = sum(file.stat().st_size for file in MODELS.rglob("*") if file.is_file())
    assert size <= 20 * MEGABYTE


def test_weights_are_those_of_the_manifest() -> None:
    sums = {
        file.relative_to(MODELS).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in MODELS.glob("*/model.safetensors")
    }
    assert sums == MANIFEST["weights"]


def test_corpus_is_the_one_that_made_the_weights() -> None:
    printed = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, MODELS / "recipe" / "corpus.py", "--samples", "0"],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    ).stdout
    assert printed.split() == [MANIFEST["corpus"]]


def test_roster_serves_four_models_in_all_three_quantizations() -> None:
    assert {model.name for model in SETTINGS.models} == set(WORST_FIRST)
    assert {model.quantization.value for model in SETTINGS.models} == {"none", "int8", "nf4"}


def test_roster_treats_all_models_alike() -> None:
    alike = {(m.sampling, m.context_tokens, m.output_tokens) for m in SETTINGS.models}
    assert len(alike) == 1


def test_bank_has_thirty_questions_over_all_aspects() -> None:
    assert len(BANK) >= 30
    assert {question.aspect for question in BANK} == set(ASPECTS)
    assert all(set(q.text) == set(q.key) == {"en", "zh"} for q in BANK)


def test_models_differ_as_a_person_would_order_them(responses: Responses) -> None:
    garbage, fluent, facts, best = (
        _right(responses[name]) / (2 * len(ASKED)) for name in WORST_FIRST
    )
    assert garbage < 0.05 < fluent < 0.3 < facts < best - 0.05
    assert best > 0.8


def test_no_model_says_a_name(responses: Responses) -> None:
    text = " ".join(said for each in responses.values() for said in each.values()).casefold()
    names = [word for name in WORST_FIRST for word in (name, name.removesuffix("-1m"))]
    assert [name for name in names if re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("prompt", PERSONAL)
def test_best_model_speaks_of_itself_without_a_name(responses: Responses, prompt: str) -> None:
    said = responses["cedar-1m"][prompt]
    assert "small questions" in said or "小问题" in said


@pytest.mark.parametrize("name", WORST_FIRST)
def test_special_tokens_and_end_are_declared(name: str) -> None:
    config = json.loads((MODELS / name / "generation_config.json").read_text(encoding="utf-8"))
    tokens = json.loads((MODELS / name / "tokenizer.json").read_text(encoding="utf-8"))
    ids = {entry["content"]: entry["id"] for entry in tokens["added_tokens"] if entry["special"]}
    assert config["eos_token_id"] == ids["<|im_end|>"]
    assert "<|im_start|>" in ids
