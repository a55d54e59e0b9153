"""Do the ratings explain the votes? The heat map of residuals, judged against chance.

A mean difference between actual and predicted win rates says nothing by itself: even the true
probabilities miss the actual rates of 50 votes a pair by 4 points. So it stands beside the floor
that chance alone gives; a lack-of-fit test says whether the excess is more than luck; the pairs
that stand out are named at a false discovery rate of 5 % [1]_; and votes on questions that the
fit has not seen say what it is worth.

This module does not know how ratings were made, nor how a map is drawn.

References
----------
.. [1] Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate: A Practical and Powerful
   Approach to Multiple Testing", Journal of the Royal Statistical Society B, 57(1), 1995.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import chdtrc

from ratings.bradley_terry import BradleyTerry, bradley_terry
from ratings.circles import circles
from ratings.counts import PairCounts, vote_cells
from ratings.luck import tails
from ratings.votes import OUTCOMES, SCORES, Votes
from ratings.winrate import dispersion, win_rates

FOLDS: Final = 5
DISCOVERY_RATE: Final = 0.05
_PINNED: Final = 1.0 - 1e-9  # a cell with this leverage is fitted exactly and cannot stand out


@dataclass(frozen=True, eq=False)
class Calibration:
    """How well ratings explain votes; figures are `nan` where there is nothing to judge by.

    Attributes
    ----------
    pairs : int
        Pairs judged: those that met and have a prediction.
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
        The cycles whose three win rates are each above one half at 95 %, and which luck alone
        would close, these or any others, in fewer than 1 in 20 logs.
    surest_cycle : tuple of str or None
        The cycle that is least likely to be luck.
    """

    pairs: int
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
    surest_cycle: tuple[str, str, str] | None


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


def calibration(fit: BradleyTerry, expected: NDArray[np.float64] | None = None) -> Calibration:
    """Compare actual and predicted win rates pair by pair.

    Parameters
    ----------
    fit : BradleyTerry
        Ratings with the counts that made them.
    expected : ndarray of shape (n_models, n_models), optional
        Win rates that other ratings predict, such as Elo; `nan` where they predict none. They
        are judged as if they had used up as much freedom as the best ratings of these votes, so
        what they miss beyond chance includes that they are not the best.

    Examples
    --------
    >>> votes = Votes.from_arrays(("Gemma", "Qwen"), [[0, 1]] * 3, [0, 1, 2])
    >>> calibration(bradley_terry(PairCounts.of(votes))).mad
    0.0
    """
    rates = win_rates(fit.counts)
    own = expected is None
    predicted = fit.expected if expected is None else expected
    met = np.triu((rates.count > 0) & ~np.isnan(predicted), 1)
    first, second = np.nonzero(met)
    count, chance = rates.count[met], predicted[met]
    gap = rates.rate[met] - chance
    # the ratings have taken their share of the noise: one scale less than models in each set
    sets, _ = connected_components(met, directed=False)
    free = len(met) - sets
    scatter = dispersion(fit.counts, np.where(met | met.T, predicted, np.nan), free)
    noise = scatter * chance * (1.0 - chance) / count
    df = len(first) - free
    chi_square = float((gap[noise > 0] ** 2 / noise[noise > 0]).sum())
    leverage = _leverage(fit, first, second) if own else np.zeros(len(first))
    left = np.where(leverage < _PINNED, noise * (1.0 - leverage), 0.0)
    residual = _studentised(predicted.shape, (first, second), gap, left)
    judged = df > 0 and scatter > 0
    nan = float("nan")
    return Calibration(
        pairs=len(first),
        mad=float(np.abs(gap).mean()) if len(gap) else nan,
        floor=float(np.sqrt(2 / np.pi * noise).mean() * np.sqrt(df / len(gap))) if judged else nan,
        dispersion=scatter,
        chi_square=chi_square if judged else nan,
        df=df,
        p=float(chdtrc(df, chi_square)) if judged else nan,
        residual=residual,
        stands_out=_discoveries(residual, rates.count, predicted, scatter),
        **circles(fit.counts, scatter)._asdict(),
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
    shape = (len(votes.models), len(votes.models), len(OUTCOMES))
    cells = vote_cells(votes)
    every = np.bincount(cells, minlength=int(np.prod(shape)))
    known, log_loss, square, plain, start = 0.0, 0.0, 0.0, 0.0, None
    for part in range(folds):
        own = np.bincount(cells[fold == part], minlength=len(every))
        others = (every - own).reshape(shape).astype(np.float64)
        fit = bradley_terry(PairCounts(votes.models, others), start=start)
        start = fit.ratings  # the next fold shares most of its votes with this one
        used = np.flatnonzero(own)  # few of the cells of many models
        row, column, outcome = np.unravel_index(used, shape)
        chance, score = fit.expected[row, column], SCORES[outcome]
        judged = np.where(np.isnan(chance), 0, own[used])
        chance = np.nan_to_num(chance, nan=0.5)
        loss = -(score * np.log(chance) + (1 - score) * np.log1p(-chance))
        known += float(judged.sum())
        log_loss += float((judged * loss).sum())
        square += float((judged * (score - chance) ** 2).sum())
        plain += float((judged * (score - 0.5) ** 2).sum())
    nan = float("nan")
    return HeldOut(
        int(known),
        log_loss / known if known else nan,
        square / known if known else nan,
        1.0 - log_loss / (known * float(np.log(2.0))) if known else nan,
        1.0 - square / plain if plain else nan,
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


def _leverage(
    fit: BradleyTerry, first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return how far each pair's own votes drew its prediction to themselves, from 0 to 1."""
    bread, chance = fit.bread, fit.expected[first, second]
    reach = np.diag(bread)[first] + np.diag(bread)[second] - 2.0 * bread[first, second]
    return np.asarray(fit.counts.votes[first, second] * chance * (1.0 - chance) * reach)


def _studentised(
    shape: tuple[int, ...],
    pair: tuple[NDArray[np.intp], NDArray[np.intp]],
    gap: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return each pair's residual in its own standard deviations; `nan` where it has none."""
    usable = variance > 0
    first, second = pair[0][usable], pair[1][usable]
    residual = np.full(shape, np.nan)
    residual[first, second] = gap[usable] / np.sqrt(variance[usable])
    residual[second, first] = -residual[first, second]
    return residual


def _discoveries(
    residual: NDArray[np.float64],
    count: NDArray[np.float64],
    predicted: NDArray[np.float64],
    scatter: float,
) -> NDArray[np.bool_]:
    """Return the pairs that stand out by the step-up rule of Benjamini and Hochberg."""
    judged = np.triu(~np.isnan(residual), 1)
    first, second = np.nonzero(judged)
    p = 2.0 * tails(residual[judged], count[judged], predicted[judged], scatter)
    order = np.argsort(p)
    allowed = DISCOVERY_RATE * np.arange(1, len(p) + 1) / max(len(p), 1)
    passed = np.flatnonzero(p[order] <= allowed)
    found = order[: passed[-1] + 1] if len(passed) else order[:0]
    stands_out = np.zeros(residual.shape, dtype=np.bool_)
    stands_out[first[found], second[found]] = True
    return stands_out | stands_out.T
