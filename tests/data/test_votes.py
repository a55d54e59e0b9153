"""The simulated vote log that ships: made by its recipe, labelled, and worth looking at."""

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from arena.formats import COLUMNS
from arena.questions import load_bank
from arena.shipped import shipped
from arena.votelog import export_votes, load_votes
from ratings.agreement import agreement
from ratings.leaderboard import leaderboard
from ratings.votes import Votes

LOG = shipped("votes/simulated.csv")
VOTES = load_votes(LOG)


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipe", LOG.with_name("recipe.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recipe_makes_the_file_to_the_byte(recipe: ModuleType) -> None:
    assert recipe.written().encode() == LOG.read_bytes()


def test_exporting_the_file_gives_the_file_again(tmp_path: Path) -> None:
    export_votes(LOG, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == LOG.read_bytes()


def test_it_is_small_and_has_all_columns_of_the_vote_log() -> None:
    assert LOG.stat().st_size < 200_000
    assert LOG.read_text().splitlines()[0] == ",".join(COLUMNS)


def test_every_row_says_that_it_is_simulated() -> None:
    assert set(VOTES["rater_kind"]) == {"simulated"}


def test_it_holds_votes_on_every_question_of_the_bank_by_its_aspect() -> None:
    bank = load_bank(shipped("questions/nine-aspects.jsonl"))
    aspects = dict(zip(VOTES["question_id"], VOTES["aspect"], strict=True))
    assert aspects == {question.id: question.aspect for question in bank}


def test_every_pair_has_equally_many_votes_and_seats_are_even() -> None:
    pairs = Counter(map(frozenset, zip(VOTES["model_a"], VOTES["model_b"], strict=True)))
    assert (len(pairs), set(pairs.values())) == (28, {36})
    on_seat_a = VOTES["model_a"].value_counts() / 252
    assert on_seat_a.between(0.4, 0.6).all()


def test_items_judged_twice_are_judged_by_two_raters() -> None:
    judges = VOTES.groupby("item_id")["judge"]
    assert judges.size().value_counts().to_dict() == {1: 672, 2: 168}
    assert (judges.nunique() == judges.size()).all()


def test_agreement_lies_where_studies_find_it() -> None:
    found = agreement(Votes.from_frame(VOTES), rounds=50)
    assert 0.78 < found.tie_discounted < 0.85


def test_most_intervals_hold_the_true_strength(recipe: ModuleType) -> None:
    rows = leaderboard(Votes.from_frame(VOTES), orders=0).rows
    truth = np.array([recipe.MODELS[model][0] for model in rows["model"]])
    assert ((rows["lower"] < truth) & (truth < rows["upper"])).sum() >= 7
