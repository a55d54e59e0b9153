"""Mean ranks over questions, for studies in which every pair meets on every question.

On each question every model takes points from every other (a win 1, a tie 0.5), which ranks the
models there; the mean of these ranks over questions is the relative ranking of the literature.
Friedman's test [1]_ says whether the models differ at all, the critical difference [2]_ by how
much two mean ranks must differ to be told apart.

It needs a complete design: a question on which some pair never met is left out and counted. This
module does not know ratings: a mean rank says who is ahead, not by how much.

References
----------
.. [1] M. Friedman, "The Use of Ranks to Avoid the Assumption of Normality Implicit in the Analysis
   of Variance", Journal of the American Statistical Association, 32(200), 1937.
.. [2] J. Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", Journal of
   Machine Learning Research, 7, 2006.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc
from scipy.stats import rankdata, studentized_range

from ratings.counts import vote_cells
from ratings.votes import OUTCOMES, Votes

_FEWEST_MODELS = 2


@dataclass(frozen=True, eq=False)
class MeanRanks:
    """Mean ranks and whether they differ.

    Attributes
    ----------
    models : tuple of str
        Model names.
    mean_rank : ndarray of shape (n_models,)
        1 is best; equal points share the mean of their ranks. `nan` without complete questions.
    points : ndarray of shape (n_models,)
        Mean share of a model's votes that it took on a question: Borda's count, in [0, 1].
    questions, left_out : int
        Questions used, and questions on which some pair never met.
    friedman, p : float
        Friedman's statistic, corrected for ties, and its p value by the chi-square distribution
        with n_models - 1 degrees of freedom; `nan` where all models share every rank.
    critical_difference : float
        Two mean ranks further apart than this differ at ``level`` (Nemenyi's test).
    level : float
        Of the critical difference.
    """

    models: tuple[str, ...]
    mean_rank: NDArray[np.float64]
    points: NDArray[np.float64]
    questions: int
    left_out: int
    friedman: float
    p: float
    critical_difference: float
    level: float


def mean_ranks(votes: Votes, *, level: float = 0.95) -> MeanRanks:
    """Rank models on every question and average.

    Parameters
    ----------
    votes : Votes
        With questions; several votes on one pair and question count together.
    level : float, default 0.95
        Of the critical difference.

    Raises
    ------
    ValueError
        If the votes name no questions.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"question_id": ["q1", "q2"], "winner": ["tie", "model_b"]})
    >>> ranked = mean_ranks(Votes.from_frame(log.assign(model_a="Gemma", model_b="Qwen")))
    >>> ranked.mean_rank.tolist()
    [1.75, 1.25]
    """
    points, left_out = _points_by_question(votes)
    n_models, n_questions = len(votes.models), len(points)
    if n_questions == 0 or n_models < _FEWEST_MODELS:
        unknown, nan = np.full(n_models, np.nan), float("nan")
        return MeanRanks(votes.models, unknown, unknown, 0, left_out, nan, nan, nan, level)
    placed = rankdata(-points.round(9), axis=1)
    mean = placed.mean(axis=0)
    statistic = _friedman(placed)
    spread = np.sqrt(n_models * (n_models + 1) / (12.0 * n_questions))
    return MeanRanks(
        votes.models,
        mean,
        points.mean(axis=0),
        n_questions,
        left_out,
        statistic,
        float(chdtrc(n_models - 1, statistic)),
        float(studentized_range.ppf(level, n_models, np.inf) * spread),
        level,
    )


def _points_by_question(votes: Votes) -> tuple[NDArray[np.float64], int]:
    """Return each model's mean share on each complete question, and how many were left out."""
    if votes.question is None:
        raise ValueError("the votes name no questions to rank models on")
    n_models = len(votes.models)
    asked = votes.question.codes >= 0
    per_question = np.bincount(votes.question.codes[asked], minlength=len(votes.question.names))
    # a question with fewer votes than pairs cannot be complete: that bounds the table below
    enough = np.flatnonzero(per_question >= max(1, n_models * (n_models - 1) // 2))
    place = np.full(len(per_question) + 1, -1)  # the last of votes without a question
    place[enough] = np.arange(len(enough))
    usable = np.flatnonzero(asked & (place[votes.question.codes] >= 0))
    shape = (len(enough), n_models, n_models)
    pair = vote_cells(votes)[usable] // len(OUTCOMES)
    cells = place[votes.question.codes[usable]] * n_models**2 + pair
    size = len(enough) * n_models**2
    met = np.bincount(cells, minlength=size).reshape(shape)
    taken = np.bincount(cells, weights=votes.scores[usable], minlength=size).reshape(shape)
    both_ways = met + met.transpose(0, 2, 1)
    taken = taken + (met - taken).transpose(0, 2, 1)
    share = np.divide(taken, both_ways, out=np.zeros(shape), where=both_ways > 0)
    complete = np.all(both_ways + np.eye(n_models, dtype=np.int64) > 0, axis=(1, 2))
    points = share[complete].sum(axis=2) / max(n_models - 1, 1)
    return points, int((per_question > 0).sum()) - len(points)


def _friedman(placed: NDArray[np.float64]) -> float:
    """Return Friedman's statistic with the correction for shared ranks."""
    n_questions, n_models = placed.shape
    middle = (n_models + 1) / 2.0
    between = n_questions * ((placed.mean(axis=0) - middle) ** 2).sum()
    within = ((placed - middle) ** 2).sum() / (n_questions * (n_models - 1))
    return float(between / within) if within > 0 else float("nan")
