"""What the tests of `ratings` share: random logs for hypothesis, and real votes."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from ratings.columns import Labels
from ratings.votes import Votes

REAL_FILE = "llmfao-crowd-comparisons.csv"
REAL_WINNERS = {"left": "model_a", "right": "model_b", "tie": "tie"}


@st.composite
def random_votes(draw: st.DrawFn) -> Votes:
    """Up to 40 votes among 2 to 6 models, by up to 4 raters on up to 4 questions."""
    n_models = draw(st.integers(2, 6))
    pairs = np.argwhere(~np.eye(n_models, dtype=bool))
    kinds = (len(pairs), 4, 5, 5)  # one number a vote: drawn much faster than its four parts
    log = draw(st.lists(st.integers(0, math.prod(kinds) - 1), max_size=40))
    pair, outcome, question, rater = np.unravel_index(np.array(log, dtype=np.int64), kinds)
    names = pd.Index(["one", "two", "three", "four"], dtype="str")
    return Votes.from_arrays(
        tuple("ABCDEF"[:n_models]),
        pairs[pair],
        outcome,
        question=Labels(names, question.astype(np.int32) - 1),
        rater=Labels(names, rater.astype(np.int32) - 1),
    )


st.register_type_strategy(Votes, random_votes())


@pytest.fixture(scope="session")
def real_frame() -> pd.DataFrame:
    """Return 8,931 votes of people on 59 models, in file order, as a vote log."""
    folder = os.environ.get("EVENHAND_REAL_VOTES")
    if not folder:
        pytest.skip(f"EVENHAND_REAL_VOTES does not name the folder of {REAL_FILE}")
    path = Path(folder)
    raw = pd.read_csv(path / REAL_FILE if path.is_dir() else path)
    return pd.DataFrame(
        {
            "question_id": raw["prompt"].astype(str),
            "model_a": raw["left"],
            "model_b": raw["right"],
            "winner": raw["winner"].map(REAL_WINNERS),
            "judge": raw["worker"].astype(str),
        }
    )


@pytest.fixture(scope="session")
def real_votes(real_frame: pd.DataFrame) -> Votes:
    """Return the same as votes."""
    return Votes.from_frame(real_frame)
