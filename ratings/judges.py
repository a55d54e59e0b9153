"""A judge against people: whether it agrees with them as well as they do with each other.

The judge's agreement with people is the mean over items of its mean agreement with each of them;
people's own, on the same items, is that of each pair of them. The deficit is the second less the
first: 0 means that the judge is as good as one more person, and only its interval says whether a
small one is luck. An agreement alone does not: at 30 % ties chance gives 0.55.

This module does not know how a judge was asked.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.agreement import ROUNDS, question_interval
from ratings.coefficients import credit_of_items, mean_of
from ratings.overlap import Overlap, shared_items
from ratings.votes import Votes


@dataclass(frozen=True, eq=False)
class JudgeAgreement:
    """A judge beside people; `nan` without items that both judged.

    Attributes
    ----------
    judge : str
        Its name among the raters.
    tie_discounted, lower, upper : float
        The judge against people on all items it shares with one or more of them, and the 95 %
        interval from resampling questions.
    people : float
        People against each other on the items that the judge and two or more of them judged.
    deficit, deficit_lower, deficit_upper : float
        People's agreement less the judge's on those items, question by question.
    items, paired_items : int
        Items behind the first figure, and behind the deficit.
    paired_questions : int
        Questions of the latter; an item without one counts as its own.
    tie_rate : float
        Share of the judge's votes there that are ties: judges often hardly call any.
    """

    judge: str
    tie_discounted: float
    lower: float
    upper: float
    people: float
    deficit: float
    deficit_lower: float
    deficit_upper: float
    items: int
    paired_items: int
    paired_questions: int
    tie_rate: float


def judge_agreement(
    votes: Votes, judge: str, *, rounds: int = ROUNDS, seed: int = 0
) -> JudgeAgreement:
    """Compare one rater, such as a model judge, with all others.

    Parameters
    ----------
    votes : Votes
        Of the judge and of people, and of no other judge.
    judge : str
        The rater to compare with all others.
    rounds, seed : int
        Of the bootstrap over questions.

    Raises
    ------
    ValueError
        If no vote is the judge's.
    """
    if votes.rater is None or judge not in votes.rater.used_names():
        raise ValueError(f"no vote is by {judge!r}")
    code = votes.rater.names.tolist().index(judge)
    shared = shared_items(votes)
    own = shared.rater == code
    stance = pd.Series(shared.stance[own].astype(np.float64), index=shared.item[own])
    theirs = pd.DataFrame({"item": shared.item[~own], "stance": shared.stance[~own]})
    theirs = theirs[theirs["item"].isin(stance.index)]
    gap = (theirs["stance"] - stance.loc[theirs["item"]].to_numpy()).abs()
    with_people = (1.0 - gap / 2.0).groupby(theirs["item"]).mean()
    item = with_people.index.to_numpy()
    judged = with_people.to_numpy(dtype=np.float64)
    among = _among_people(shared, code, item)
    paired = ~np.isnan(among)
    gaps = among[paired] - judged[paired]
    question = shared.question[item]
    lower, upper = question_interval(judged, question, rounds=rounds, seed=seed)
    low, high = question_interval(gaps, question[paired], rounds=rounds, seed=seed)
    return JudgeAgreement(
        judge,
        mean_of(judged),
        lower,
        upper,
        mean_of(among[paired]),
        mean_of(gaps),
        low,
        high,
        len(judged),
        int(paired.sum()),
        len(np.unique(question[paired])),
        mean_of((stance.loc[item].to_numpy() == 0).astype(np.float64)),
    )


def _among_people(shared: Overlap, judge: int, item: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return people's own agreement on each item; `nan` with fewer than two of them."""
    people = shared.rater != judge
    place, column = shared.item[people], 1 - shared.stance[people].astype(np.intp)
    tallies = np.zeros_like(shared.tallies)
    np.add.at(tallies, (place, column), 1.0)
    enough = tallies[item].sum(axis=1) > 1
    among = np.full(len(item), np.nan)
    among[enough] = credit_of_items(tallies[item[enough]])
    return among
