"""Model judges beside people, where a log has votes of both.

Boards count only people's votes then, so these are chosen here: each judge with all people, and
with no other judge. What the figures mean is in `ratings.judges`.
"""

from pathlib import Path

import pandas as pd

from arena.board.choice import Choice
from arena.votelog import load_votes
from ratings.judges import JudgeAgreement, judge_agreement
from ratings.votes import Votes


def judges_beside_people(source: str | Path, choice: Choice) -> tuple[JudgeAgreement, ...]:
    """Return how far each model judge agrees with people on the items that both judged.

    Raises
    ------
    ArenaError
        If the source cannot be read.
    """
    log = choice.of(load_votes(source))
    blind = log[log["anony"].fillna(value=True).astype(bool) & log["judge"].notna()]
    kinds = blind["rater_kind"].fillna("human")
    people, models = blind[kinds == "human"], blind[kinds == "model"]
    found = []
    for judge in sorted(models["judge"].unique()):
        apart = people["judge"].replace({judge: f"{judge} (a person)"})  # raters are told by name
        both = pd.concat(
            [people.assign(judge=apart), models[models["judge"] == judge]], ignore_index=True
        )
        found.append(judge_agreement(Votes.from_frame(both), str(judge)))
    return tuple(each for each in found if each.items)
