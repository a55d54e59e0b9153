"""Votes in clusters: by question, by rater, and by both.

Votes on one question, or by one rater, are not independent. What an estimate would be with other
questions and other raters is told by adding the gradients of each cluster first and squaring the
sums [1]_. This module does not know what the gradients are of.

References
----------
.. [1] A. C. Cameron, J. B. Gelbach and D. L. Miller, "Robust Inference With Multiway Clustering",
   Journal of Business & Economic Statistics, 29(2), 2011.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ratings.columns import Labels, run_starts
from ratings.votes import Votes

FEWEST_QUESTIONS: Final = 8  # below these, too few clusters for a clustered interval
FEWEST_RATERS: Final = 5
_BLOCK: Final = 500_000  # votes whose gradients are held at once

Gradients = Callable[[NDArray[np.intp]], csr_array]


def can_cluster(votes: Votes) -> bool:
    """Return whether a log names enough questions and raters for a clustered interval."""
    if votes.question is None or votes.rater is None:
        return False
    questions = len(votes.question.used_names())
    raters = len(votes.rater.used_names())
    return questions >= FEWEST_QUESTIONS and raters >= FEWEST_RATERS


def two_way_meat(votes: Votes, gradients: Gradients) -> tuple[NDArray[np.float64], int]:
    """Return the middle of a two-way clustered covariance, and its degrees of freedom.

    Parameters
    ----------
    votes : Votes
        With questions and raters; a vote without one is a cluster of its own.
    gradients : callable
        From rows of the votes to the gradients of their log-likelihood, a sparse array of shape
        (n_rows, n_parameters).

    Returns
    -------
    meat : ndarray of shape (n_parameters, n_parameters)
        Clusters by question plus clusters by rater, less clusters by both [1]_; the first two
        scaled by C / (C - 1).
    df : int
        min(questions, raters) - 1, for a t quantile.

    Raises
    ------
    ValueError
        If the votes name no questions or no raters.
    """
    if votes.question is None or votes.rater is None:
        raise ValueError("the votes name no questions or no raters to cluster by")
    questions, n_questions = _own_where_missing(votes.question)
    raters, n_raters = _own_where_missing(votes.rater)
    meat = (
        _squared_sums(gradients, questions) * _few_clusters(n_questions)
        + _squared_sums(gradients, raters) * _few_clusters(n_raters)
        - _squared_sums(gradients, _crossed(questions, raters))
    )
    return meat, min(n_questions, n_raters) - 1


def _squared_sums(gradients: Gradients, cluster: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the sum over clusters of the outer product of their total gradient.

    Whole clusters are taken some hundred thousand votes at a time, which bounds the memory.
    """
    few = int(cluster.max(initial=0)) < np.iinfo(np.uint16).max
    # NumPy sorts 16 bits several times faster
    order = np.argsort(cluster.astype(np.uint16) if few else cluster, kind="stable")
    firsts = run_starts(cluster[order])
    ends = np.append(firsts, len(order))
    block = np.searchsorted(ends, np.arange(0, len(order) + _BLOCK, _BLOCK))
    edges = np.unique(np.minimum(np.append(block, len(firsts)), len(firsts)))
    meat: NDArray[np.float64] | float = 0.0
    for first, last in pairwise(edges.tolist()):
        rows = order[ends[first] : ends[last]]
        starts = ends[first : last + 1] - ends[first]
        shape = (last - first, len(rows))
        adder = csr_array((np.ones(len(rows)), np.arange(len(rows)), starts), shape=shape)
        totals = adder @ gradients(rows)
        meat = meat + np.asarray((totals.T @ totals).todense())
    if isinstance(meat, float):  # no votes
        return np.zeros((gradients(order).shape[1],) * 2)
    return meat


def _crossed(questions: NDArray[np.int32], raters: NDArray[np.int32]) -> NDArray[np.int32]:
    both = questions.astype(np.int64)
    both *= int(raters.max(initial=0)) + 1
    both += raters
    return pd.factorize(both)[0].astype(np.int32)


def _own_where_missing(labels: Labels) -> tuple[NDArray[np.int32], int]:
    missing = labels.codes < 0
    codes = labels.codes.copy()
    codes[missing] = len(labels.names) + np.arange(int(missing.sum()), dtype=np.int32)
    return codes, len(labels.used_names()) + int(missing.sum())


def _few_clusters(n_clusters: int) -> float:
    return n_clusters / (n_clusters - 1) if n_clusters > 1 else float("nan")
