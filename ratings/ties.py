"""Models of ties: the chances that a vote is a win, a tie or a loss.

Bradley-Terry with ties as half wins ranks as well as these and says what a model will *score*;
only a model of ties says how often it will *win*. Their ratings are on another scale: a lead of
400 points means odds of 10 to 1 among the votes that are no tie (Davidson [1]_), or of A winning
against A not winning but for a threshold (Rao-Kupper [2]_). The same votes spread wider on
either scale than with ties as halves, so each result carries its scale in words; never put two
scales in one column.

This module does not know the order of votes, nor intervals.

References
----------
.. [1] R. R. Davidson, "On Extending the Bradley-Terry Model to Accommodate Ties in Paired
   Comparison Experiments", Journal of the American Statistical Association, 65(329), 1970.
.. [2] P. V. Rao and L. L. Kupper, "Ties in Paired-Comparison Experiments: A Generalization of the
   Bradley-Terry Model", Journal of the American Statistical Association, 62(317), 1967.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp

from ratings.bradley_terry import MEAN, POINTS
from ratings.counts import PairCounts
from ratings.groups import Groups, comparable_groups

DAVIDSON_SCALE: Final = "points; a lead of 400 means 10 wins to 1 loss among votes without a tie"
RAO_KUPPER_SCALE: Final = (
    "points; a lead of 400 above the tie threshold means 10 wins to 1 other vote"
)
_STEPS: Final = 200
_LAST: Final = 1e-9  # the largest part of a Newton step at the maximum

_Table = NDArray[np.float64]
_Slopes = tuple[float, NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class TieModel:
    """A fitted model of wins and ties.

    Attributes
    ----------
    models : tuple of str
        Model names.
    ratings : ndarray of shape (n_models,)
        Points on ``scale``, mean 1000 in each group; `nan` where not estimable.
    groups : Groups
        Which ratings share a scale.
    parameters : dict of str to float
        Davidson: ``nu``, and ``nu_both_bad`` where that is an outcome of its own, the odds of
        such a vote between equals against a win of either; Rao-Kupper: ``eta``, 1 without ties.
    win, tie, both_bad : ndarray of shape (n_models, n_models)
        Chance that a vote is a win of the row's model, a tie, both bad; `nan` where two models
        share no scale. ``win + win.T + tie + both_bad`` is 1.
    log_likelihood : float
        Natural logarithm of the likelihood of all votes between models that share a scale.
    scale : str
        What the points mean.
    """

    models: tuple[str, ...]
    ratings: _Table
    groups: Groups
    parameters: dict[str, float]
    win: _Table
    tie: _Table
    both_bad: _Table
    log_likelihood: float
    scale: str


def davidson(counts: PairCounts, *, own_both_bad: bool = False) -> TieModel:
    """Fit the Davidson model by maximum likelihood.

    Parameters
    ----------
    counts : PairCounts
        Votes.
    own_both_bad : bool, default False
        Whether ``both_bad`` is a fourth outcome with a chance of its own, or reads as a tie.

    Returns
    -------
    TieModel
        With ``p_i / (p_i + p_j + nu * sqrt(p_i * p_j))`` for a win [1]_. Where no vote is a tie
        it is Bradley-Terry; where every vote is one, no number can be estimated.

    Examples
    --------
    >>> from ratings.votes import Votes
    >>> votes = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]] * 4, [0, 1, 2, 2])
    >>> davidson(PairCounts.of(votes)).parameters
    {'nu': 2.0}
    """
    groups = comparable_groups(counts, ties_join=False)
    wins = np.where(groups.together, counts.wins, 0.0)
    ties = np.where(groups.together, counts.ties, 0.0)
    bad = np.where(groups.together, counts.both_bad, 0.0)
    drawn = [ties, bad] if own_both_bad else [ties + bad]
    seen = np.array([kind.sum() > 0 for kind in drawn])
    names = ["nu", "nu_both_bad"][: len(drawn)]
    free = [kind for kind, any_vote in zip(drawn, seen, strict=True) if any_vote]

    def slopes(logits: _Table, weights: _Table) -> _Slopes:
        return _davidson_slopes(wins, free, logits, weights)

    logits, weights, likelihood = _climb(slopes, groups, len(free))
    odds = np.zeros(len(drawn))
    odds[seen] = np.exp(weights)
    chances = np.exp(_davidson_chances(logits, np.log(np.maximum(odds, 1e-300))))
    shares = [np.where(groups.apart, np.nan, chance) for chance in chances]
    parameters = dict(zip(names, odds.round(12).tolist(), strict=True))
    none = np.zeros_like(wins)
    return TieModel(
        counts.models,
        MEAN + POINTS * logits,
        groups,
        parameters,
        win=shares[0],
        tie=shares[2],
        both_bad=shares[3] if own_both_bad else np.where(groups.apart, np.nan, none),
        log_likelihood=likelihood,
        scale=DAVIDSON_SCALE,
    )


def rao_kupper(counts: PairCounts) -> TieModel:
    """Fit the Rao-Kupper model by maximum likelihood; ``both_bad`` reads as a tie.

    Returns
    -------
    TieModel
        With ``p_i / (p_i + eta * p_j)`` for a win [2]_. Where no vote is a tie it is
        Bradley-Terry; where every vote is one, no number can be estimated.
    """
    groups = comparable_groups(counts, ties_join=False)
    ties = np.where(groups.together, counts.ties + counts.both_bad, 0.0)
    not_lost = np.where(groups.together, counts.wins, 0.0) + ties
    n_ties = ties.sum() / 2.0

    def slopes(logits: _Table, weights: _Table) -> _Slopes:
        return _rao_kupper_slopes(not_lost, n_ties, logits, weights)

    logits, weights, likelihood = _climb(slopes, groups, int(n_ties > 0))
    threshold = float(np.exp(weights[0])) if len(weights) else 0.0
    win = np.where(groups.apart, np.nan, expit(logits[:, None] - logits - threshold))
    return TieModel(
        counts.models,
        MEAN + POINTS * logits,
        groups,
        {"eta": float(np.exp(threshold))},
        win=win,
        tie=1.0 - win - win.T,
        both_bad=np.where(np.isnan(win), np.nan, 0.0),
        log_likelihood=likelihood,
        scale=RAO_KUPPER_SCALE,
    )


def _davidson_chances(logits: _Table, weights: _Table) -> _Table:
    """Return log chances of a win, a loss and each kind of tie; shape (kinds, models, models)."""
    half_lead = (logits[:, None] - logits) / 2.0
    level = np.zeros_like(half_lead)
    scores = np.stack([half_lead, -half_lead, *(level + weight for weight in weights)])
    return np.asarray(scores - logsumexp(scores, axis=0))


def _davidson_slopes(wins: _Table, drawn: list[_Table], logits: _Table, weights: _Table) -> _Slopes:
    """Return log-likelihood, gradient and curvature in logits and logarithms of tie odds."""
    log_chances = _davidson_chances(logits, weights)
    win, loss, *kinds = np.exp(log_chances)
    met = wins + wins.T + sum(drawn, np.zeros_like(wins))
    likelihood = (wins * log_chances[0]).sum()
    likelihood += sum((kind * log_chances[2 + k]).sum() / 2.0 for k, kind in enumerate(drawn))
    lean = win - loss  # twice the mean of the score's slope in the lead
    gradient = [((wins - wins.T) - met * lean).sum(axis=1) / 2.0]
    weight = met * (win + loss - lean**2) / 4.0
    curvature = [np.diag(weight.sum(axis=1)) - weight]
    cross = [-(met * lean * kind).sum(axis=1) / 2.0 for kind in kinds]
    for kind, chance in zip(drawn, kinds, strict=True):
        gradient.append(np.array([(kind - met * chance).sum() / 2.0]))
    own = np.array(
        [
            [(met * p * ((m == n) - q)).sum() / 2.0 for n, q in enumerate(kinds)]
            for m, p in enumerate(kinds)
        ]
    ).reshape(len(kinds), len(kinds))
    return float(likelihood), np.concatenate(gradient), _bordered(curvature[0], cross, own)


def _rao_kupper_slopes(not_lost: _Table, n_ties: float, logits: _Table, weights: _Table) -> _Slopes:
    """Return log-likelihood, gradient and curvature in logits and log(log(eta))."""
    threshold = float(np.exp(weights[0])) if len(weights) else 0.0
    reach = logits[:, None] - logits - threshold
    rest = expit(-reach)
    likelihood = float((not_lost * log_expit(reach)).sum())
    pull = not_lost * rest
    weight = pull * (1.0 - rest)
    both_ways = weight + weight.T
    curvature = np.diag(both_ways.sum(axis=1)) - both_ways
    gradient = pull.sum(axis=1) - pull.sum(axis=0)
    if not len(weights):
        return likelihood, gradient, curvature
    likelihood += n_ties * float(np.log(np.expm1(2.0 * threshold)))
    slope = 2.0 * n_ties / -np.expm1(-2.0 * threshold) - pull.sum()
    bend = weight.sum() + n_ties / np.sinh(threshold) ** 2
    cross = threshold * (weight.sum(axis=0) - weight.sum(axis=1))
    # threshold * slope is left out: 0 at the maximum, and elsewhere it may lead downwards
    own = threshold**2 * bend
    full = np.append(gradient, threshold * slope)
    return likelihood, full, _bordered(curvature, [cross], np.array([[own]]))


def _bordered(curvature: _Table, cross: list[_Table], own: _Table) -> _Table:
    if not cross:
        return curvature
    border = np.stack(cross, axis=1)
    return np.block([[curvature, border], [border.T, own]])


def _climb(
    slopes: Callable[[_Table, _Table], _Slopes], groups: Groups, n_weights: int
) -> tuple[_Table, _Table, float]:
    """Return logits, other parameters and log-likelihood at the maximum, by careful Newton."""
    n_models = len(groups.of_model)
    unknown = np.where(groups.of_model < 0, np.nan, 0.0)
    if not groups.n_groups:
        return np.full(n_models, np.nan), np.full(n_weights, np.nan), float("nan")
    # pins what the likelihood leaves free: the level of each group, and models that stand alone
    pin = np.zeros((n_models + n_weights,) * 2)
    pin[:n_models, :n_models] = groups.together + np.diag(groups.of_model < 0)
    here = np.zeros(n_models + n_weights)
    likelihood, gradient, curvature = slopes(here[:n_models], here[n_models:])
    for _ in range(_STEPS):
        step = np.linalg.solve(curvature + pin, gradient)
        while True:
            further = here + step
            tried = slopes(further[:n_models], further[n_models:])
            if tried[0] >= likelihood - 1e-9 * abs(likelihood) or np.abs(step).max() < _LAST:
                break
            step = step / 2.0
        here, (likelihood, gradient, curvature) = further, tried
        if np.abs(step).max() < _LAST:
            return unknown + here[:n_models], here[n_models:], likelihood
    raise RuntimeError("the likelihood of these votes has no maximum that can be found")
