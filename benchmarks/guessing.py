"""Who can tell two kinds of battles apart? Three classifiers, and how often the best is right.

Rows of numbers in, a share of right guesses out, always on rows that were not learned from. Which
of the three guesses is chosen on the rows learned from as well, so that choosing adds no luck.
What the numbers mean is not known here.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Rows = NDArray[np.float64]
Kinds = NDArray[np.bool_]
Guesser = Callable[[Rows, Kinds, Rows], Kinds]

FOLDS: Final = 10
INNER_FOLDS: Final = 4
PENALTY: Final = 1.0  # on the weights of the logistic regression
NEIGHBOURS: Final = 9
ROUNDS: Final = 40  # of boosting
CUTS: Final = 15  # thresholds tried for each column


def logistic(rows: Rows, kinds: Kinds, unseen: Rows) -> Kinds:
    """Guess by a weighted sum of the columns, weights kept small."""
    signs = np.where(kinds, 1.0, -1.0)
    wide = np.column_stack([np.ones(len(rows)), rows])

    def loss(weights: Rows) -> tuple[float, Rows]:
        margins = signs * (wide @ weights)
        slope = -(signs * expit(-margins)) @ wide
        kept = np.r_[0.0, weights[1:]]
        value = np.logaddexp(0.0, -margins).sum() + PENALTY / 2 * kept @ kept
        return float(value), slope + PENALTY * kept

    found = minimize(loss, np.zeros(wide.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(np.column_stack([np.ones(len(unseen)), unseen]) @ found.x > 0)


def neighbours(rows: Rows, kinds: Kinds, unseen: Rows) -> Kinds:
    """Guess what most of the nearest rows are."""
    away = ((unseen[:, None, :] - rows[None, :, :]) ** 2).sum(axis=-1)
    nearest = np.argsort(away, axis=1)[:, :NEIGHBOURS]
    return np.asarray(kinds[nearest].mean(axis=1) > 0.5)  # noqa: PLR2004 - most


def boosting(rows: Rows, kinds: Kinds, unseen: Rows) -> Kinds:
    """Guess by many thresholds on single columns, each made where those before were wrong."""
    signs = np.where(kinds, 1.0, -1.0)
    shares = np.linspace(0, 1, CUTS + 2)[1:-1]
    cuts = np.quantile(rows, shares, axis=0)
    stumps = np.where(rows[:, None, :] > cuts[None], 1.0, -1.0).reshape(len(rows), -1)
    there = np.where(unseen[:, None, :] > cuts[None], 1.0, -1.0).reshape(len(unseen), -1)
    weights, said = np.full(len(rows), 1.0 / len(rows)), np.zeros(len(unseen))
    for _ in range(ROUNDS):
        edges = (weights * signs) @ stumps
        best = int(np.abs(edges).argmax())
        edge = float(np.clip(edges[best], -0.999, 0.999))
        vote = 0.5 * np.log((1 + edge) / (1 - edge))
        said += vote * there[:, best]
        weights *= np.exp(-vote * signs * stumps[:, best])
        weights /= weights.sum()
    return np.asarray(said > 0)


GUESSERS: Final[dict[str, Guesser]] = {
    "logistic regression": logistic,
    "nearest neighbours": neighbours,
    "boosted thresholds": boosting,
}


def right(rows: Rows, kinds: Kinds, source: np.random.Generator) -> float:
    """Return the share of rows that are guessed right, as many of each kind, by cross-validation.

    Parameters
    ----------
    rows : ndarray of shape (n_battles, n_columns)
    kinds : ndarray of shape (n_battles,)
        Which of the two kinds each is.

    Returns
    -------
    float
        0.5 is chance; `nan` when there are fewer than two folds' worth of a kind.
    """
    chosen = balanced(kinds, source)
    if len(chosen) < 2 * FOLDS:
        return float("nan")
    return _validated(rows[chosen], kinds[chosen], FOLDS, _best)


def balanced(kinds: Kinds, source: np.random.Generator) -> NDArray[np.intp]:
    """Return places of as many rows of one kind as of the other, in turns of both, shuffled."""
    both = [source.permutation(np.flatnonzero(kinds == kind)) for kind in (True, False)]
    size = min(map(len, both))
    return np.column_stack([both[0][:size], both[1][:size]]).ravel()


def _validated(rows: Rows, kinds: Kinds, folds: int, guesser: Guesser) -> float:
    fold = (np.arange(len(kinds)) // 2) % folds  # neighbours in the list are one of each kind
    hits = [
        guesser(*_scaled(rows[fold != n], kinds[fold != n], rows[fold == n])) == kinds[fold == n]
        for n in range(folds)
    ]
    return float(np.concatenate(hits).mean())


def _scaled(rows: Rows, kinds: Kinds, unseen: Rows) -> tuple[Rows, Kinds, Rows]:
    """Return columns of mean 0 and spread 1, as learned from the rows that are seen."""
    spread = rows.std(axis=0)
    spread[spread < 1e-12] = 1.0  # noqa: PLR2004 - a column that says nothing
    mean = rows.mean(axis=0)
    return (rows - mean) / spread, kinds, (unseen - mean) / spread


def _best(rows: Rows, kinds: Kinds, unseen: Rows) -> Kinds:
    """Guess as the guesser does that is best within the rows that may be learned from."""
    scores = {
        name: _validated(rows, kinds, INNER_FOLDS, guesser) for name, guesser in GUESSERS.items()
    }
    return GUESSERS[max(scores, key=scores.__getitem__)](rows, kinds, unseen)
