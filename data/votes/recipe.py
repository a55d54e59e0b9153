"""How `simulated.csv` was made: a small vote log with invented models and invented raters.

It shows a newcomer what a leaderboard will look like, and gives the notebook and the tests votes
to read. Nobody judged anything: every row says `rater_kind` simulated, and the eight models are
named after trees so that no table can be mistaken for a result.

Run `python data/votes/recipe.py` to write the file again; the same Python code gives the same
bytes on every machine. Only the standard library draws the votes, because its generator promises
the same numbers in every version.

What is assumed, in points of rating: true strengths as in `MODELS`; for every aspect and every
question each model is a little better or worse than that (sd 50 and 70), a single response is
lucky or not (sd 170), every rater has a taste for models (sd 35) and judges each battle a little
askew (sd 130). Who finds the two closer than 100 points votes tie, or "both bad" where both are
weak. Rater sim-12 votes at random on every third battle.
"""

import csv
import io
import itertools
import math
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from arena.formats import COLUMNS
from arena.questions import Question, load_bank
from arena.shipped import shipped

FILE: Final = Path(__file__).with_name("simulated.csv")
SEED: Final = 20230828
MODELS: Final = {  # name: true rating in points (mean 1000), quantization
    "alder-13b-nf4": (1165, "nf4"),
    "birch-7b": (1110, "none"),
    "birch-7b-int8": (1100, "int8"),
    "birch-7b-nf4": (1065, "nf4"),
    "cedar-7b": (1020, "none"),
    "maple-7b-int8": (960, "int8"),
    "hazel-3b": (880, "none"),
    "willow-1b": (700, "none"),
}
RATERS: Final = tuple(f"sim-{number:02d}" for number in range(1, 13))
CARELESS: Final = "sim-12"
QUESTIONS_A_PAIR: Final = 30
TWICE_A_PAIR: Final = 6  # items of each pair that a second rater judges
BEGIN: Final = 1_772_442_000  # seconds since 1970: 2026-03-02 09:00 UTC
LIMIT: Final = 2400  # characters: where a response is cut off


@dataclass(frozen=True)
class Item:
    """A question put to two models, with the luck and the length (characters) of each response."""

    name: str
    question: Question
    models: tuple[str, str]
    luck: tuple[float, float]
    lengths: tuple[int, int]

    def finish(self, place: int) -> str:
        """Return why a response ended: by itself, or at the limit."""
        return "stop" if self.lengths[place] < LIMIT else "length"


class World:
    """The truth behind the votes: who is how good at what, and whom a rater likes."""

    def __init__(self, chance: random.Random, questions: tuple[Question, ...]) -> None:
        self._skill: dict[tuple[str, str], float] = {}
        for model, (rating, _) in MODELS.items():
            aspects = {question.aspect: 0.0 for question in questions}
            aspects = {aspect: chance.gauss(0, 50) for aspect in aspects}
            for question in questions:
                own = aspects[question.aspect] + chance.gauss(0, 70)
                self._skill[model, question.id] = rating + own
        self._taste = {pair: chance.gauss(0, 35) for pair in itertools.product(RATERS, MODELS)}

    def outcome(self, chance: random.Random, item: Item, rater: str, seats: tuple[int, int]) -> str:
        """Return how a rater votes on an item whose places sit in this order."""
        if rater == CARELESS and chance.random() < 1 / 3:
            return chance.choice(("model_a", "model_b", "tie"))
        felt = [self._felt(item, place, rater) for place in seats]
        lead = felt[0] - felt[1] + chance.gauss(0, 130)
        if abs(lead) < 100:  # noqa: PLR2004  # points, as said above
            return "both_bad" if sum(felt) / 2 + chance.gauss(0, 100) < 850 else "tie"  # noqa: PLR2004
        return "model_a" if lead > 0 else "model_b"

    def _felt(self, item: Item, place: int, rater: str) -> float:
        model = item.models[place]
        cut = 250 * (item.finish(place) == "length")
        skill = self._skill[model, item.question.id] + self._taste[rater, model]
        return skill + item.luck[place] - cut


def items(chance: random.Random, questions: tuple[Question, ...]) -> list[Item]:
    """Return the items of all pairs; every question comes about equally often."""
    order = list(questions)
    chance.shuffle(order)
    turn = itertools.cycle(order)
    made = []
    for pair in itertools.combinations(MODELS, 2):
        for question in itertools.islice(turn, QUESTIONS_A_PAIR):
            luck = chance.gauss(0, 170), chance.gauss(0, 170)
            lengths = length(chance), length(chance)
            made.append(Item("", question, pair, luck, lengths))
    chance.shuffle(made)
    return [replace(item, name=f"i{number:04d}") for number, item in enumerate(made, start=1)]


def length(chance: random.Random) -> int:
    """Return the length of a response in characters."""
    return min(LIMIT, round(chance.lognormvariate(6.4, 0.6)))


def showings(chance: random.Random, made: list[Item]) -> list[tuple[Item, str]]:
    """Return which rater sees which item, in the order of the votes."""
    again: dict[tuple[str, str], int] = dict.fromkeys(itertools.combinations(MODELS, 2), 0)
    shown = []
    for item in made:
        raters = chance.sample(RATERS, 2)
        twice = again[item.models] < TWICE_A_PAIR
        again[item.models] += twice
        shown += [(item, rater) for rater in raters[: 1 + twice]]
    chance.shuffle(shown)
    return shown


def rows() -> list[dict[str, str | float]]:
    """Return the vote log, one row a vote."""
    chance = random.Random(SEED)  # noqa: S311  # repeatable is the point
    questions = load_bank(shipped("questions/nine-aspects.jsonl")).questions
    world = World(chance, questions)
    clock = float(BEGIN)
    log: list[dict[str, str | float]] = []
    for number, (item, rater) in enumerate(showings(chance, items(chance, questions)), start=1):
        a, b = chance.sample((0, 1), 2)  # places in the item, in the order of the seats
        seats = item.models[a], item.models[b]
        dwell = round(chance.lognormvariate(2.9, 0.5), 1)  # seconds
        clock += math.ceil(dwell + chance.expovariate(1 / 200))
        log.append(
            {
                "question_id": item.question.id,
                "model_a": seats[0],
                "model_b": seats[1],
                "winner": world.outcome(chance, item, rater, (a, b)),
                "judge": rater,
                "turn": 1,
                "anony": True,
                "language": "zh" if rater > "sim-08" else "en",
                "tstamp": clock,
                "seq": number,
                "battle_id": f"b{number:04d}",
                "item_id": item.name,
                "aspect": item.question.aspect,
                "rater_kind": "simulated",
                "display": "paced",
                "dwell_ms": round(1000 * dwell),
                "quantization_a": MODELS[seats[0]][1],
                "quantization_b": MODELS[seats[1]][1],
                "finish_reason_a": item.finish(a),
                "finish_reason_b": item.finish(b),
                "length_a": item.lengths[a],
                "length_b": item.lengths[b],
                "propensity": 0.0357,  # one of 28 pairs
            }
        )
    return log


def written() -> str:
    """Return the file as text."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows())
    return text.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(written().encode())
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
