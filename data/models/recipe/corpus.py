"""The corpus: prompts and responses over the nine aspects, drawn from the templates in `texts/`.

Every file of `texts/` holds tables (facts, English and Chinese) and asks (ways to ask, ways to
respond, and the key that a right response contains). Tokens and models are not known here.
"""

import argparse
import hashlib
import itertools
import json
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from draws import DRAWS, Slot, Tables

LANGUAGES = ("en", "zh")
TEXTS = Path(__file__).parent / "texts"
WHOLE = {"code", "key", "message", "members"}  # columns whose " / " is no choice
PLAIN = str.maketrans("₂₃₄₅₆₁", "234561")  # as people type a formula
HELD_OUT = 12  # one prompt in so many is never trained on
SECOND_TURN = 0.2  # share of conversations with a follow-up
TYPOS = 0.2  # share of those with a letter missing
FINGERPRINTED = 2000  # conversations
VARIED = 0.3  # share of prompts written less tidily


@dataclass(frozen=True)
class Turn:
    """One prompt with its response; ``keys`` must all stand in a right response."""

    ask: str
    aspect: str
    language: str
    prompt: str
    response: str
    keys: tuple[str, ...]


class Corpus:
    """All tables and asks."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Slot]]] = {}
        self.asks: list[dict[str, Any]] = []
        self.loose = tomllib.loads((TEXTS / "loose.toml").read_text(encoding="utf-8"))
        for file in sorted(TEXTS.glob("*.toml")):
            if file.stem == "loose":
                continue
            written = tomllib.loads(file.read_text(encoding="utf-8"))
            aspect = written["aspect"]
            scope = f"{aspect}-"
            for name, table in written["tables"].items():
                # facts and terms stand in several files: each ask means those of its own file
                self.tables[scope + name] = self.tables[name] = _table(table)
            self.asks += [
                ask | {"aspect": aspect, "name": f"{aspect}/{ask['name']}"}
                for ask in written["ask"]
            ]
        self._weights = [ask.get("weight", 1) for ask in self.asks]

    def conversation(self, rng: random.Random) -> list[Turn]:
        """Draw one conversation of one or two turns."""
        language = rng.choice(LANGUAGES)
        ask = rng.choices(self.asks, self._weights)[0]
        slots, case = self._draw(rng, ask)
        turns = [_turn(rng, ask, slots, case, language)]
        if rng.random() < SECOND_TURN:
            turns.append(self._follow_up(rng, ask, slots, case, language))
        return turns

    def training(self, seed: int, tiny: frozenset[str] = frozenset()) -> Iterator[list[Turn]]:
        """Draw conversations for ever, none with a held-out prompt; some are written loosely."""
        rng = random.Random(seed)  # noqa: S311 - a corpus, not a secret
        while True:
            turns = self.conversation(rng)
            if any(held_out(turn.prompt) and turn.prompt not in tiny for turn in turns):
                continue
            yield [self._loosened(rng, turn) for turn in turns]

    def held_out(self, seed: int, each: int) -> list[Turn]:
        """Return up to ``each`` different held-out prompts for every aspect and language."""
        rng = random.Random(seed)  # noqa: S311
        found: dict[tuple[str, str], dict[str, Turn]] = {}
        for _ in range(4000 * each):
            turn = self.conversation(rng)[0]
            if held_out(turn.prompt):
                group = found.setdefault((turn.aspect, turn.language), {})
                if len(group) < each:
                    group.setdefault(turn.prompt, turn)
        return [turn for group in sorted(found) for turn in found[group].values()]

    def _draw(self, rng: random.Random, ask: dict[str, Any]) -> tuple[dict[str, Slot], str]:
        slots: dict[str, Slot] = {}
        case = ""
        tables: Tables = self.tables
        if "table" in ask:
            slots |= rng.choice(tables[f"{ask['aspect']}-{ask['table']}"])
        if ask.get("draw") == "ramble":
            slots |= self._ramble(rng)
        elif "draw" in ask:
            drawn, case = DRAWS[ask["draw"]](rng, tables)
            slots |= drawn
        return slots, case

    def _ramble(self, rng: random.Random) -> dict[str, Slot]:
        """Return long-winded prompts that mean nothing to a small model."""
        said = [self.loose["ramble"][language] for language in LANGUAGES]
        english, chinese = ([rng.choice(lines) for _ in range(6)] for lines in said)
        n, m = rng.randint(1, 3), rng.randint(1, 3)
        return {
            "ramble": (" ".join(english[:n]), "".join(chinese[:n])),
            "ramble2": (" ".join(english[3 : 3 + m]), "".join(chinese[3 : 3 + m])),
        }

    def _follow_up(
        self,
        rng: random.Random,
        ask: dict[str, Any],
        slots: dict[str, Slot],
        case: str,
        language: str,
    ) -> Turn:
        """Draw a second turn: the same in another language, one more of the kind, or a new ask."""
        kind = rng.random()
        if kind < 0.2:  # noqa: PLR2004 - shares of the four kinds
            other = LANGUAGES[language == "en"]
            turn = _turn(rng, ask, slots, case, other)
            return _with_prompt(turn, rng.choice(self.loose["switch"][other]))
        again = ask.get(f"and_{language}") or ask.get(f"again_{language}")
        if kind < 0.65 and again:  # noqa: PLR2004
            slots, case = self._draw(rng, ask)
            turn = _turn(rng, ask, slots, case, language)
            return _with_prompt(turn, _fill(rng.choice(again), _spoken(rng, slots, language)))
        named = "other/thanks" if kind < 0.75 else ""  # noqa: PLR2004
        chosen = next((a for a in self.asks if a["name"] == named), None)
        chosen = chosen or rng.choices(self.asks, self._weights)[0]
        return _turn(rng, chosen, *self._draw(rng, chosen), language)

    def _loosened(self, rng: random.Random, turn: Turn) -> Turn:
        """Return the turn with a prompt as people type it: no capitals, no stop, a greeting."""
        if rng.random() > VARIED:
            return turn
        prompt = turn.prompt
        if rng.random() < 1 / 2:
            prompt = prompt.rstrip("".join(self.loose["stops"]))
        if turn.language == "en" and rng.random() < 1 / 2:
            prompt = prompt.lower() if rng.random() < 1 / 2 else prompt[:1].lower() + prompt[1:]
        if turn.language == "en" and rng.random() < TYPOS:
            spot = rng.randrange(len(prompt))
            prompt = prompt[:spot] + prompt[spot + 1 :]
        if rng.random() < 1 / 3:
            prompt = rng.choice(self.loose["before"][turn.language]) + prompt
        return _with_prompt(turn, prompt or turn.prompt)


def fingerprint(corpus: Corpus) -> str:
    """Return the SHA-256 of the first conversations: equal texts, equal fingerprint."""
    rows = itertools.islice(corpus.training(0), FINGERPRINTED)
    said = [(turn.prompt, turn.response) for turns in rows for turn in turns]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def held_out(prompt: str) -> bool:
    """Tell whether a prompt is kept for the evaluation."""
    return hashlib.sha256(prompt.casefold().encode()).digest()[0] % HELD_OUT == 0


def _table(written: str) -> list[dict[str, Slot]]:
    lines = [[cell.strip() for cell in line.split(" | ")] for line in written.strip().splitlines()]
    return [
        {column: _cell(cell) for column, cell in zip(lines[0], line, strict=True)}
        for line in lines[1:]
    ]


def _cell(written: str) -> Slot:
    english, both, chinese = written.replace("\\n", "\n").partition("//")
    return (english.strip(), chinese.strip()) if both else english


def _turn(
    rng: random.Random, ask: dict[str, Any], slots: dict[str, Slot], case: str, language: str
) -> Turn:
    spoken = _spoken(rng, slots, language)
    prompt = _fill(rng.choice(_cased(ask[language], case)), spoken)
    response = _fill(rng.choice(_cased(ask[f"say_{language}"], case)), spoken)
    keys = _cased(ask["key"], case)
    found = tuple(
        _fill(_side(key, language), spoken) for key in ([keys] if isinstance(keys, str) else keys)
    )
    return Turn(ask["name"], ask["aspect"], language, prompt, response, found)


def _with_prompt(turn: Turn, prompt: str) -> Turn:
    return Turn(turn.ask, turn.aspect, turn.language, prompt, turn.response, turn.keys)


def _cased(written: Any, case: str) -> Any:  # noqa: ANN401 - as TOML has it
    return written[case] if isinstance(written, dict) else written


def _spoken(rng: random.Random, slots: dict[str, Slot], language: str) -> dict[str, str]:
    """Return the slots in one language, one variant each, and each with a capital as well."""
    spoken = {}
    for name, slot in slots.items():
        text = slot if isinstance(slot, str) else slot[language == "zh"]
        spoken[name] = text if name in WHOLE else rng.choice(text.split(" / "))
        spoken[name.capitalize()] = spoken[name][:1].upper() + spoken[name][1:]
    if "formula" in spoken:
        spoken["plain"] = spoken["formula"].translate(PLAIN)
    return spoken


def _side(key: str, language: str) -> str:
    sides: Sequence[str] = key.split(" // ")
    return sides[-1] if language == "zh" else sides[0]


def _fill(template: str, spoken: dict[str, str]) -> str:
    return template.format_map(spoken)


def main() -> None:
    """Print the corpus' fingerprint, and some conversations to look at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20)
    corpus = Corpus()
    for turns in itertools.islice(corpus.training(0), parser.parse_args().samples):
        for turn in turns:
            print(f"[{turn.ask}]\n> {turn.prompt}\n{turn.response}\n")
    print(fingerprint(corpus))


if __name__ == "__main__":
    main()
