"""Rehearsal: the real way of a vote, by raters that are drawn and say so."""

import asyncio
import random
from pathlib import Path

import numpy as np
import pytest

from arena.questions import Question
from arena.record.logquery import read_log
from arena.simulate import Rehearsal, draw_outcome, rehearse
from ratings.elo import expected_score
from ratings.votes import Outcome

BANK = [Question("bat", "biology", {"en": "Is a bat a mammal?", "zh": "蝙蝠是哺乳动物吗？"})]
SCORE = {Outcome.MODEL_A: 1.0, Outcome.MODEL_B: 0.0, Outcome.TIE: 0.5, Outcome.BOTH_BAD: 0.5}


def rehearsed(db: Path, seed: int = 0, votes: int = 30) -> list[tuple[str, ...]]:
    asyncio.run(rehearse(Rehearsal(["oak", "pine", "elm"], 2, votes, seed, BANK), db, lambda: None))
    log = read_log(db)
    columns = ["model_a", "model_b", "winner", "judge", "language", "rater_kind"]
    return list(log[columns].itertuples(index=False, name=None))


def test_every_row_says_that_it_is_simulated(tmp_path: Path) -> None:
    rows = rehearsed(tmp_path / "a.db")
    assert len(rows) == 30
    assert {row[-1] for row in rows} == {"simulated"}
    assert {row[3] for row in rows} == {"simulated-001", "simulated-002"}


def test_the_same_seed_casts_the_same_votes_and_another_seed_others(tmp_path: Path) -> None:
    first = rehearsed(tmp_path / "a.db")
    assert rehearsed(tmp_path / "b.db") == first
    assert rehearsed(tmp_path / "c.db", seed=1) != first


def test_votes_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    rehearsed(tmp_path / "a.db")
    assert len(rehearsed(tmp_path / "a.db", seed=1)) == 60
    assert len(rehearsed(tmp_path / "a.db", seed=1)) == 90


def test_progress_is_told_once_a_vote(tmp_path: Path) -> None:
    told: list[int] = []
    rehearsal = Rehearsal(["oak", "pine"], 1, 7, 0, BANK)
    asyncio.run(rehearse(rehearsal, tmp_path / "a.db", lambda: told.append(1)))
    assert len(told) == 7


@pytest.mark.parametrize("lead", [-400.0, -60.0, 0.0, 150.0])
def test_the_mean_score_is_the_expected_score(lead: float) -> None:
    source = random.Random(3)  # noqa: S311 - a fixed draw
    scores = [SCORE[draw_outcome(1000 + lead, 1000, source)] for _ in range(20_000)]
    error = np.std(scores) / np.sqrt(len(scores))
    assert abs(np.mean(scores) - float(expected_score(1000 + lead, 1000))) < 4 * error


def test_equal_models_tie_most_often() -> None:
    source = random.Random(3)  # noqa: S311 - a fixed draw
    ties = [
        sum(SCORE[draw_outcome(1000 + lead, 1000, source)] == 0.5 for _ in range(5_000))
        for lead in (0, 200, 500)
    ]
    assert ties == sorted(ties, reverse=True)
    assert 0.30 < ties[0] / 5_000 < 0.36
