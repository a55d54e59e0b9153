"""Train the tiny models of the demo: `python data/models/recipe/train.py --out FOLDER`.

Each model is a Llama of one to two million parameters, trained from nothing on `corpus.py`. They
differ in how long they were trained, and so in what they know. Seeded throughout: the corpus is the
same on every machine; weights are the same only on equal processors and libraries.
"""

import argparse
import hashlib
import itertools
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from corpus import Corpus, Turn, fingerprint
from muon import Muon
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MODELS = Path(__file__).resolve().parents[1]
QUESTIONS = MODELS.parent / "questions" / "tiny.jsonl"
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VOCABULARY = 3072
CONTEXT = 512
BATCH_TOKENS = 2048
IGNORED = -100
WARM_UP = 40
DECAY = 0.3  # share of the steps in which the rate falls to zero
KEEP = 250  # steps between two states that a stopped training goes on from


@dataclass(frozen=True)
class Recipe:
    """How one model is made."""

    name: str
    steps: int
    width: int
    seed: int

    def rate(self, step: int) -> float:
        """Return the share of the full learning rate: rising, level, falling."""
        return min((step + 1) / WARM_UP, 1.0, (self.steps - step) / (DECAY * self.steps))


RECIPES = (  # equal seeds: the shorter training is the longer one, stopped earlier
    Recipe("pebble-1m", steps=60, width=128, seed=11),
    Recipe("willow-1m", steps=300, width=128, seed=12),
    Recipe("harbor-1m", steps=1430, width=128, seed=14),
    Recipe("cedar-1m", steps=5000, width=128, seed=14),
)
TOKENIZER_SEED = 10


def make_tokenizer(corpus: Corpus) -> PreTrainedTokenizerFast:
    """Learn a byte-level BPE in which every digit and every Chinese character stands alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rows = itertools.islice(corpus.training(TOKENIZER_SEED, tiny_prompts()), 30_000)
    texts = (f"{turn.prompt}\n{turn.response}" for turns in rows for turn in turns)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        chat_template=TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def tiny_prompts() -> frozenset[str]:
    """Return the questions of the demo, which are never held out."""
    if not QUESTIONS.exists():
        return frozenset()
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return frozenset(text for line in lines for text in json.loads(line)["text"].values())


def encode(tokenizer: PreTrainedTokenizerFast, turns: list[Turn]) -> tuple[list[int], list[int]]:
    """Return tokens and targets of a conversation; only responses are targets."""
    tokens: list[int] = []
    targets: list[int] = []
    before = ""
    for turn in turns:
        asked = f"{before}{START}user\n{turn.prompt}{END}\n{START}assistant\n"
        prompt = tokenizer.backend_tokenizer.encode(asked, add_special_tokens=False).ids
        said = f"{turn.response}{END}"
        response = tokenizer.backend_tokenizer.encode(said, add_special_tokens=False).ids
        tokens += prompt + response
        targets += [IGNORED] * len(prompt) + response
        before = "\n"
    return tokens[:CONTEXT], targets[:CONTEXT]


Batch = tuple[torch.Tensor, torch.Tensor]


def batches(tokenizer: PreTrainedTokenizerFast, corpus: Corpus, seed: int) -> Iterator[Batch]:
    """Yield batches of conversations of like length, about `BATCH_TOKENS` tokens each."""
    rng = random.Random(seed)  # noqa: S311 - training data, not a secret
    source = corpus.training(seed, tiny_prompts())
    while True:
        rows = [encode(tokenizer, turns) for turns in itertools.islice(source, 1500)]
        rows.sort(key=lambda row: len(row[0]))
        packed: list[Batch] = []
        while rows:
            count = max(1, BATCH_TOKENS // len(rows[-1][0]))
            chosen, rows = rows[-count:], rows[:-count]
            packed.append(_padded(chosen))
        rng.shuffle(packed)
        yield from packed


def _padded(rows: list[tuple[list[int], list[int]]]) -> Batch:
    longest = max(len(tokens) for tokens, _ in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    targets = torch.full((len(rows), longest), IGNORED)
    for i, (row, wanted) in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row)
        targets[i, : len(row)] = torch.tensor(wanted)
    return tokens, targets


def make_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return an untrained model."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.width * 8 // 3 // 16 * 16,
        num_hidden_layers=4,
        num_attention_heads=4,
        tie_word_embeddings=True,
        max_position_embeddings=CONTEXT,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers and AdamW for the embedding and the scales."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]  # noqa: PLR2004
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    return [
        Muon(matrices, lr=4e-3, weight_decay=0.02),
        torch.optim.AdamW(others, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def loss_of(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Return the mean loss over the tokens of the responses; no other logit is computed."""
    tokens, targets = batch
    hidden = model.model(tokens, use_cache=False).last_hidden_state[:, :-1]
    wanted = targets[:, 1:]
    counted = wanted != IGNORED
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[counted]), wanted[counted])


def train(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, out: Path) -> None:
    """Train one model to its last step and save it with its tokenizer."""
    model = make_model(recipe, tokenizer)
    steppers = optimizers(model)
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, recipe.rate) for o in steppers]
    parts: dict[Any, Any] = dict(enumerate([model, *steppers, *schedules]))
    begun = resume(parts, out / f".{recipe.name}.pt")
    clock, mean = time.process_time(), 0.0
    source = itertools.islice(batches(tokenizer, corpus, recipe.seed), begun, recipe.steps)
    for step, batch in enumerate(source, start=begun + 1):
        loss = loss_of(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper, schedule in zip(steppers, schedules, strict=True):
            stepper.step()
            stepper.zero_grad()
            schedule.step()
        mean = 0.95 * (mean or loss.item()) + 0.05 * loss.item()
        if step % 50 == 0:
            spent = time.process_time() - clock
            print(f"{recipe.name} step {step} loss {mean:.4f} cpu {spent:.0f} s", flush=True)
        if step % KEEP == 0:
            keep(parts, step, out / f".{recipe.name}.pt")
    save(model, tokenizer, out / recipe.name)


def keep(parts: dict[Any, Any], step: int, file: Path) -> None:
    """Write everything that a stopped training needs to go on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"step": step} | {key: part.state_dict() for key, part in parts.items()}, file)


def resume(parts: dict[Any, Any], file: Path) -> int:
    """Read what was kept, if anything was, and return its step."""
    if not file.exists():
        return 0
    kept = torch.load(file, weights_only=True)
    for key, part in parts.items():
        part.load_state_dict(kept[key])
    return int(kept["step"])


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a checkpoint that `AutoModelForCausalLM` reads, weights in bfloat16."""
    copy: Any = LlamaForCausalLM(model.config)
    copy.to(torch.bfloat16)
    copy.load_state_dict(model.state_dict())
    generation = copy.generation_config
    generation.eos_token_id, generation.pad_token_id = (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    copy.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(folder)


def write_manifest(folder: Path, corpus: Corpus) -> None:
    """Write the fingerprint of the corpus and the SHA-256 of every weights file below a folder."""
    sums = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.glob("[!.]*/model.safetensors"))
    }
    manifest = {"corpus": fingerprint(corpus), "weights": sums}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Train all models, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[recipe.name for recipe in RECIPES])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpus = Corpus()
    tokenizer = make_tokenizer(corpus)
    for recipe in RECIPES:
        if recipe.name in arguments.only:
            train(recipe, tokenizer, corpus, arguments.out)
    write_manifest(arguments.out, corpus)


if __name__ == "__main__":
    main()
