"""Out into a file and in again: ratings from it are equal to the last bit.

What a format cannot say is named here: what is lost with it is a figure that no file of that format
can give back.
"""

import json
import math
import tempfile
from itertools import permutations, product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.formats import EXPORTS, OUTCOMES
from arena.record.casting import NewVote
from arena.record.store import Store
from arena.votelog import export_votes, load_votes
from ratings.bradley_terry import bradley_terry
from ratings.coefficients import credit_of_items, krippendorff_alpha
from ratings.counts import PairCounts
from ratings.elo import elo_ratings
from ratings.intervals import clustered, sandwich
from ratings.orders import elo_orders
from ratings.overlap import shared_items
from ratings.ties import davidson
from ratings.votes import Outcome, Votes
from tests.arena.conftest import open_battle

ENDINGS: Final = (".parquet", ".csv", ".jsonl", ".json")
LOST: Final = {  # the figures that a format has no columns for
    "evenhand": set[str](),
    "flat": set[str](),
    "lmsys": set[str](),
    "arena-100k": set[str](),
    "arena-140k": {"new questions and raters", "agreement"},  # no question, and no rater's name
    # one kind of tie, so that squares of residuals are added up in another order
    "arena-55k": {"new questions and raters", "agreement", "both bad", "these votes"},
}
OFTEN: Final = settings().max_examples
Row = dict[str, Any]


def figures_of(log: pd.DataFrame) -> dict[str, bytes]:
    """Return the figures of a log, to the last bit."""
    votes = Votes.from_frame(log)
    counts = PairCounts.of(votes)
    fit = bradley_terry(counts)
    figures = {
        "Elo": elo_ratings(votes),
        "Elo over orders": elo_orders(votes, orders=5).ratings,
        "Bradley-Terry": fit.ratings,
        "Davidson": davidson(counts).ratings,
        "these votes": sandwich(fit).error,
        "both bad": counts.both_bad,
    }
    if votes.question is not None and votes.rater is not None:
        figures["new questions and raters"] = clustered(fit, votes).error
    tallies = shared_items(votes).tallies
    figures["agreement"] = np.array([*credit_of_items(tallies), krippendorff_alpha(tallies)])
    return {name: values.tobytes() for name, values in figures.items()}


def out_and_in(source: Path, ending: str, export: str = "evenhand") -> pd.DataFrame:
    """Return the votes of a source by way of a file; `.json` is read as an array of the same."""
    out = source.parent / f"out{'.jsonl' if ending == '.json' else ending}"
    export_votes(source, out, export=export)
    if ending == ".json":
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]
        out = out.with_suffix(".json")
        out.write_text(json.dumps(rows), encoding="utf-8")
    return load_votes(out, conversations=True)


NAMES = st.one_of(
    st.sampled_from(["null", "nan", "007", "1.0", "True", "=1+1", "a,b", '"a"', "模型", " oak "]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
).filter(lambda name: bool(name.strip()))
LABELS: Final = (None, "q1", "q2", "007", "1.50", "non,e", "是")


@st.composite
def logs(draw: st.DrawFn) -> list[Row]:
    """Up to 25 votes among 2 to 5 models with any names, and labels with any gaps."""
    models = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    pairs = list(permutations(models, 2))
    kinds = (len(pairs), len(OUTCOMES), len(LABELS), len(LABELS), 3)
    # one number a vote: drawn much faster than its five parts
    drawn = draw(st.lists(st.integers(0, math.prod(kinds) - 1), min_size=1, max_size=25))
    return [
        {
            "question_id": LABELS[question],
            "model_a": pairs[pair][0],
            "model_b": pairs[pair][1],
            "winner": OUTCOMES[outcome],
            "judge": LABELS[rater],
            "conversation_a": talk(f"{said}, {pairs[pair][0]}"),
            "conversation_b": talk(f"{said}, {pairs[pair][1]}"),
        }
        for pair, outcome, question, rater, said in zip(
            *np.unravel_index(drawn, kinds), strict=True
        )
    ]


def talk(said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": said}]


def written(rows: list[Row], folder: Path) -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def check(rows: list[Row], export: str, ending: str) -> None:
    """Check that ratings by way of two files are those of the rows themselves."""
    with tempfile.TemporaryDirectory() as folder:
        before = figures_of(pd.DataFrame(rows))
        after = figures_of(out_and_in(written(rows, Path(folder)), ending, export))
    assert {name for name in before if after.get(name) != before[name]} <= LOST[export]


@settings(max_examples=OFTEN if OFTEN > 100 else 30)  # two files each, so few on most days
@given(rows=logs(), way=st.sampled_from(list(product(EXPORTS, ENDINGS))))
def test_export_and_import_leave_every_figure_equal_to_the_last_bit(
    rows: list[Row], way: tuple[str, str]
) -> None:
    check(rows, *way)


TROUBLE: Final = ("null", "007", "a,b", '"', "=1+1", "cr\r", "lf\n", "\u2028 x", "模型", " oak ")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("export", list(EXPORTS))
def test_names_that_trouble_other_readers_come_back(export: str, ending: str) -> None:
    check(
        [
            {
                "question_id": f"q{n % 7}",
                "model_a": a,
                "model_b": b,
                "winner": OUTCOMES[n % 3 if n % 5 else 3],
                "judge": TROUBLE[n % 6],
                "conversation_a": talk(f"{a}\r\n{n % 2}"),
                "conversation_b": talk(f"{b}\r{n % 2}"),
            }
            for n, (a, b) in enumerate(permutations(TROUBLE, 2))
        ],
        export,
        ending,
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_real_votes_come_back(real_votes: Path, tmp_path: Path, ending: str) -> None:
    """From the file as its authors published it, under other names of columns."""
    out = tmp_path / f"out{ending}"
    export_votes(real_votes, out.with_suffix(".jsonl") if ending == ".json" else out)
    if ending == ".json":
        out.with_suffix(".jsonl").rename(out)
    assert figures_of(load_votes(out)) == figures_of(load_votes(real_votes))


async def test_a_database_and_its_export_give_the_same_ratings(
    store: Store, tmp_path: Path
) -> None:
    cast = zip(("ada", "bob", "cleo", "dan") * 4, OUTCOMES * 4, strict=True)
    for number, (rater, winner) in enumerate(cast):
        name = f"b{number}"
        await open_battle(store, name, rater=rater, reveals=False, x_sits_at_a=number % 3 > 0)
        outcome = Outcome(OUTCOMES[(number // 4) % 4] if number % 2 else winner)
        await store.vote(NewVote(f"key-{name}", name, rater, outcome))
    before = figures_of(load_votes(store.path))
    for ending in (".parquet", ".csv", ".jsonl"):
        export_votes(store.path, tmp_path / f"out{ending}")
        assert figures_of(load_votes(tmp_path / f"out{ending}")) == before
