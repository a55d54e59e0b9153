"""Do the ratings explain the votes? The heat map of residuals, judged against chance.

A mean difference between actual and predicted win rates says nothing by itself: even the true
probabilities miss the actual rates of 50 votes a pair by 4 points. So it stands beside the floor
that chance alone gives; a lack-of-fit test says whether the excess is more than luck; the pairs
that stand out are named at a false discovery rate of 5 % [1]_; and votes on questions that the
fit has not seen say what it is worth.

This module does not know how ratings were made beyond Bradley-Terry, nor how a map is drawn.

References
----------
.. [1] Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate: A Practical and Powerful
   Approach to Multiple Testing", Journal of the Royal Statistical Society B, 57(1), 1995.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from ratings.bradley_terry import BradleyTerry, bradley_terry
from ratings.counts import PairCounts
from ratings.votes import SCORES, Votes
from ratings.winrate import win_rates

FOLDS: Final = 5
DISCOVERY_RATE: Final = 0.05
_PINNED: Final = 1.0 - 1e-9  # a cell with this leverage is fitted exactly and cannot stand out
_CERTAIN: Final = 1.959964


@dataclass(frozen=True, eq=False)
class Calibration:
    """How well ratings explain votes; figures are `nan` where there is nothing to judge by.

    Attributes
    ----------
    mad, floor : float
        Mean absolute difference of actual and predicted win rates over the pairs that met, and
        the mean that chance alone would give; in [0, 1].
    dispersion : float
        Variance of the scores over that of votes without ties: 1 without ties, 0.67 at 30 %.
    chi_square, p : float
        Lack of fit over all pairs, and its p value.
    df : int
        Degrees of freedom: pairs less free ratings.
    residual : ndarray of shape (n_models, n_models)
        Studentised difference of actual and predicted win rate, row against column; `nan` where
        two models never met or share no scale.
    stands_out : ndarray of shape (n_models, n_models)
        Pairs whose residual is no luck at a false discovery rate of 5 %.
    cycles, triples : int
        Triples of models each of which beat the next more often than not, and all triples whose
        three pairs met.
    certain_cycles : list of tuple of str
        The cycles whose three win rates are each above one half at 95 %.
    """

    mad: float
    floor: float
    dispersion: float
    chi_square: float
    df: int
    p: float
    residual: NDArray[np.float64]
    stands_out: NDArray[np.bool_]
    cycles: int
    triples: int
    certain_cycles: list[tuple[str, str, str]]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What ratings say about votes they have not seen.

    Attributes
    ----------
    votes : int
        Votes predicted; one is left out where the other folds rate only one of its models.
    log_loss, brier : float
        Means over these votes, with a tie as a score of one half.
    log_loss_skill, brier_skill : float
        1 less the ratio to always predicting one half: 0 is worthless, more is better.
    split_by : {"question", "vote"}
        What the folds keep together.
    folds, seed : int
        Settings.
    """

    votes: int
    log_loss: float
    brier: float
    log_loss_skill: float
    brier_skill: float
    split_by: str
    folds: int
    seed: int


def calibration(fit: BradleyTerry) -> Calibration:
    """Compare actual and predicted win rates pair by pair.

    Parameters
    ----------
    fit : BradleyTerry
        Ratings with the counts that made them.

    Examples
    --------
    >>> votes = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]] * 3, [0, 1, 2])
    >>> calibration(bradley_terry(PairCounts.of(votes))).mad
    0.0
    """
    rates, expected = win_rates(fit.counts), fit.expected
    first, second = np.nonzero(np.triu((rates.count > 0) & fit.groups.together, 1))
    met, chance = rates.count[first, second], expected[first, second]
    gap = rates.rate[first, second] - chance
    free = int((fit.groups.of_model >= 0).sum()) - fit.groups.n_groups
    dispersion = _dispersion(fit, free)
    noise = dispersion * chance * (1.0 - chance) / met
    df = len(first) - free
    chi_square = float((gap[noise > 0] ** 2 / noise[noise > 0]).sum())
    residual = _studentised(fit, (first, second), gap, noise)
    cycles, triples, certain = _cycles(fit.counts, dispersion)
    judged = df > 0 and dispersion > 0
    nan = float("nan")
    return Calibration(
        mad=float(np.abs(gap).mean()) if len(gap) else nan,
        floor=float(np.sqrt(2 / np.pi * noise).mean() * np.sqrt(df / len(gap))) if judged else nan,
        dispersion=dispersion,
        chi_square=chi_square if judged else nan,
        df=df,
        p=float(chdtrc(df, chi_square)) if judged else nan,
        residual=residual,
        stands_out=_discoveries(residual),
        cycles=cycles,
        triples=triples,
        certain_cycles=certain,
    )


def held_out(votes: Votes, *, folds: int = FOLDS, seed: int = 0) -> HeldOut:
    """Predict each fold of the votes from the ratings of the others.

    Parameters
    ----------
    votes : Votes
        Split by question, so that no question is on both sides; by vote where they name none.
    folds : int, default 5
        How many parts.
    seed : int, default 0
        Of the split.
    """
    split_by, fold = _folds(votes, folds, np.random.default_rng(seed))
    chance = np.full(len(votes), np.nan)
    for number in range(folds):
        own = fold == number
        fit = bradley_terry(PairCounts.of(votes.take(~own)))
        chance[own] = fit.expected[votes.a[own], votes.b[own]]
    known = ~np.isnan(chance)
    score, chance = votes.scores[known], chance[known]
    if not len(score):
        nan = float("nan")
        return HeldOut(0, nan, nan, nan, nan, split_by, folds, seed)
    log_loss = float(-(score * np.log(chance) + (1 - score) * np.log1p(-chance)).mean())
    brier = float(((score - chance) ** 2).mean())
    plain = float(((score - 0.5) ** 2).mean())
    return HeldOut(
        len(score),
        log_loss,
        brier,
        1.0 - log_loss / float(np.log(2.0)),
        1.0 - brier / plain if plain else float("nan"),
        split_by,
        folds,
        seed,
    )


def _folds(
    votes: Votes, folds: int, generator: np.random.Generator
) -> tuple[str, NDArray[np.int64]]:
    if votes.question is None or (votes.question.codes < 0).all():
        return "vote", generator.permutation(len(votes)) % folds
    # votes without a question share one fold number drawn for each of them
    of_question = generator.permutation(len(votes.question.names)) % folds
    alone = generator.integers(folds, size=len(votes))
    return "question", np.where(votes.question.codes < 0, alone, of_question[votes.question.codes])


def _dispersion(fit: BradleyTerry, free: int) -> float:
    """Return the variance of scores over p (1 - p), with the degrees of freedom used up."""
    expected = np.nan_to_num(fit.expected, nan=0.5)
    square = (SCORES - expected[:, :, None]) ** 2 / (expected * (1.0 - expected))[:, :, None]
    usable = fit.counts.seats * fit.groups.together[:, :, None]
    left = usable.sum() - free
    return float((usable * square).sum() / left) if left > 0 else float("nan")


def _studentised(
    fit: BradleyTerry,
    pair: tuple[NDArray[np.intp], NDArray[np.intp]],
    gap: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return each pair's residual in its own standard deviations, corrected for leverage."""
    first, second = pair
    bread, expected = fit.bread, fit.expected
    weight = fit.counts.votes * expected * (1.0 - expected)
    reach = np.diag(bread)[first] + np.diag(bread)[second] - 2.0 * bread[first, second]
    leverage = weight[first, second] * reach
    usable = (leverage < _PINNED) & (noise > 0)
    residual = np.full_like(expected, np.nan)
    value = gap[usable] / np.sqrt(noise[usable] * (1.0 - leverage[usable]))
    residual[first[usable], second[usable]] = value
    residual[second[usable], first[usable]] = -value
    return residual


def _discoveries(residual: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the pairs that stand out by the step-up rule of Benjamini and Hochberg."""
    first, second = np.nonzero(np.triu(~np.isnan(residual), 1))
    p = 2.0 * ndtr(-np.abs(residual[first, second]))
    order = np.argsort(p)
    allowed = DISCOVERY_RATE * np.arange(1, len(p) + 1) / max(len(p), 1)
    passed = np.flatnonzero(p[order] <= allowed)
    found = order[: passed[-1] + 1] if len(passed) else order[:0]
    stands_out = np.zeros(residual.shape, dtype=np.bool_)
    stands_out[first[found], second[found]] = True
    return stands_out | stands_out.T


def _cycles(counts: PairCounts, dispersion: float) -> tuple[int, int, list[tuple[str, str, str]]]:
    """Count triples that go round in a circle, and name those that are no luck."""
    rates = win_rates(counts)
    lead = np.nan_to_num(rates.rate - 0.5)
    beats, met = (lead > 0).astype(np.int64), (rates.count > 0).astype(np.int64)
    cycles = int(np.trace(beats @ beats @ beats)) // 3
    triples = int(np.trace(met @ met @ met)) // 6
    certain = lead > _CERTAIN * np.sqrt(dispersion / 4.0 / np.maximum(rates.count, 1))
    named = [
        (counts.models[i], counts.models[j], counts.models[k])
        for i, j in np.argwhere(certain)
        for k in np.flatnonzero(certain[j] & certain[:, i])
        if i < min(j, k)
    ]
    return cycles, triples, named
